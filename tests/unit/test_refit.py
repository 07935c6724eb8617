"""The slow clock: who is forecast when, and what is known while that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import metricserver
from builders import NOW_S, forecasted, mi, size
from foresize.cluster.guard import Assignment
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy, parse
from foresize.fitting.fits import FIT_FAILED
from foresize.passes.refit import BATCH, RETRY_S, Forecasts
from foresize.passes.tierrefit import Standing
from foresize.sources.reader import FromPrometheus
from foresize_forecast import prometheus
from foresize_forecast.forecasting.jumps import STEPS, Jumps
from foresize_forecast.forecasting.outlook import NoOutlook, Outlook
from foresize_forecast.foresee import Wish
from foresize_forecast.pods import Kill
from foresize_forecast.prometheus import ContainerOfPod, Source
from foresize_forecast.series import History
from foresize_forecast.sizes import GIB, QosClass
from foresize_forecast.sizing.plan import Forecasted
from metricserver import Metrics

INTERVAL_S = 1800.0
WEB = ("shop", "Deployment/web")
METRICS = {("shop", "web-5d9c7f6b4-x7k2p", "app"): float(mi(100))}
KNOWN = forecasted([100.0] * 12)


class Pool:
    """Answers for worker processes."""

    def __init__(self, answer: Callable[[], Forecasted | NoOutlook] = lambda: KNOWN) -> None:
        self.answer = answer
        self.asked: list[int] = []
        self.wishes: list[Wish] = []
        self.histories: list[History] = []

    def foresee(self, history: History, wishes: Any) -> list[Forecasted | NoOutlook]:
        """The same for each container."""
        self.histories.append(history)
        self.asked.append(len(wishes))
        self.wishes += wishes
        return [self.answer() for _ in wishes]


def policy(name: str = "web", generation: int = 1, **spec: Any) -> Policy:
    """A policy of Deployment web."""
    target = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    made = {"namespace": "shop", "name": name, "uid": f"uid-{name}", "generation": generation}
    metadata = {**made, "creationTimestamp": "2026-11-01T00:00:00Z"}
    parsed = parse(
        {"metadata": metadata, "spec": {"target": target, "history": {"window": "1h"}, "horizon": "1h", **spec}}
    )
    assert isinstance(parsed, Policy), parsed
    return parsed


def assignment(name: str = "web", chosen: Policy | None = None) -> Assignment:
    """A Deployment of namespace shop under a policy."""
    template = {"app": size(64, 128)}
    workload = Workload("shop", "apps/v1", "Deployment", name, f"uid-{name}", {}, {}, template, QosClass.BURSTABLE, 1)
    return Assignment(workload, chosen or policy(), None)


def refitted(source: Source, *pools: Pool) -> Forecasts:
    """After a refit of Deployment web by each of these pools, an interval apart."""
    forecasts = Forecasts()
    for number, pool in enumerate(pools):
        forecasts.refit(FromPrometheus(source), pool, [assignment()], NOW_S + number * INTERVAL_S, INTERVAL_S)
    return forecasts


def outlooks(forecasts: Forecasts) -> dict[str, Outlook | NoOutlook]:
    """What is known of Deployment web's containers, whatever tail of jumps they share with others."""
    known = forecasts.foreseen[WEB].forecasts
    return {name: each.outlook if isinstance(each, Forecasted) else each for name, each in known.items()}


def test_a_forecast_is_made_once_an_interval() -> None:
    """A workload is due at once, and then again after 80 to 100 % of the interval, the same share each time."""
    with metricserver.serving(Metrics(METRICS)) as source:
        forecasts = refitted(source, Pool())

    web = [assignment()]
    assert {"app": KNOWN.outlook} == outlooks(forecasts)
    assert [] == forecasts.due(web, NOW_S + 0.8 * INTERVAL_S - 1)
    assert web == forecasts.due(web, NOW_S + INTERVAL_S)
    assert web == Forecasts().due(web, NOW_S)


def test_what_jumps_bears_on_its_neighbours_at_once() -> None:
    """A container's jumps leave room in the limits of its namespace, more than elsewhere, before another refit."""
    pods = {
        ("shop", "web-5d9c7f6b4-x7k2p", "app"): float(mi(100)),
        ("shop", "api-5d9c7f6b4-x7k2p", "app"): float(mi(100)),
        ("bank", "web-5d9c7f6b4-x7k2p", "app"): float(mi(100)),
    }
    # 480 hours on record, 48 of them with a jump above step 10 (a tenth), none above step 11.
    jumps = Jumps(np.where(np.arange(STEPS.size) <= 10, 48.0, 0.0), 480.0)
    jumpy = forecasted([100.0] * 12, jumps=jumps)
    elsewhere = replace(assignment(), workload=replace(assignment().workload, namespace="bank"))
    forecasts = Forecasts()
    with metricserver.serving(Metrics(pods)) as source:
        forecasts.refit(FromPrometheus(source), Pool(), [assignment()], NOW_S, INTERVAL_S)
        forecasts.refit(FromPrometheus(source), Pool(), [elsewhere], NOW_S, INTERVAL_S)
        forecasts.refit(FromPrometheus(source), Pool(lambda: jumpy), [assignment("api")], NOW_S + 60, INTERVAL_S)

    def share(namespace: str, workload: str) -> float:
        forecast = forecasts.foreseen[namespace, f"Deployment/{workload}"].forecasts["app"]
        assert isinstance(forecast, Forecasted)
        return float(forecast.tail.shares[10])

    # Usual at a tenth: 2e-5 / 0.101. Cluster, namespace, replicas and container each weigh hours against their priors;
    # a workload's pods are measured as one, so the container is its own replica.
    cluster = (48 + 2000 * 2e-5 / 0.101) / (480 + 2000)
    namespace = (48 + 480 * cluster) / (480 + 480)
    replicas = (48 + 48 * namespace) / (480 + 48)
    own = (48 + 96 * replicas) / (480 + 96)
    found = [share("bank", "web"), share("shop", "web"), share("shop", "api")]
    assert [cluster, namespace, own] == pytest.approx(found)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("strategy", "qos", "gib"),
    [
        ("Forecast", QosClass.BURSTABLE, 10),
        ("EqualRequest", QosClass.BURSTABLE, 5),
        ("Forecast", QosClass.GUARANTEED, 5),
    ],
)
def test_models_are_compared_at_what_a_kill_costs_the_limit(strategy: str, qos: QosClass, gib: int) -> None:
    """5 GiB reserved are 10 of a limit that is not: what is chosen by is what sizes are made by."""
    chosen = assignment(
        chosen=policy(containers=[{"name": "*", "limit": {"strategy": strategy, "killCost": "5Gi"}}]),
    )
    chosen = replace(chosen, workload=replace(chosen.workload, qos=qos))
    pool = Pool()
    with metricserver.serving(Metrics(METRICS)) as source:
        Forecasts().refit(FromPrometheus(source), pool, [chosen], NOW_S, INTERVAL_S)

    assert [gib * GIB] == [wish.question.kill_cost_bytes for wish in pool.wishes]


def test_another_policy_is_due_at_once() -> None:
    """A policy that was changed, and one that took over the workload, do not wait for the interval's end."""
    with metricserver.serving(Metrics(METRICS)) as source:
        forecasts = refitted(source, Pool())

    assert [] == forecasts.due([assignment()], NOW_S + 1)
    for chosen in (policy(generation=2), policy("another")):
        assert 1 == len(forecasts.due([assignment(chosen=chosen)], NOW_S + 1))


def test_a_source_that_is_down_loses_nothing() -> None:
    """While Prometheus does not answer the last forecast is kept, not trusted to lower, and asked for soon again."""
    metrics = Metrics(METRICS)
    with metricserver.serving(metrics) as source:
        forecasts = refitted(source, Pool())
        metrics.down = True
        later_s = NOW_S + INTERVAL_S
        forecasts.refit(FromPrometheus(source), Pool(), [assignment()], later_s, INTERVAL_S)

    assert {"app": KNOWN.outlook} == outlooks(forecasts)
    assert NOW_S == forecasts.foreseen[WEB].made_at_s
    assert "starting up" in forecasts.foreseen[WEB].distrust
    assert forecasts.refusals[WEB].message == forecasts.foreseen[WEB].distrust
    assert [] == forecasts.due([assignment()], later_s + RETRY_S - 1)
    assert 1 == len(forecasts.due([assignment()], later_s + RETRY_S))


def test_a_fit_that_failed_loses_nothing() -> None:
    """The last forecast of a container whose fit failed is kept, with its age: one that gets too old lowers nothing."""
    failed = NoOutlook(FIT_FAILED, "its fit failed")
    with metricserver.serving(Metrics(METRICS)) as source:
        kept = refitted(source, Pool(), Pool(lambda: failed))
        never = refitted(source, Pool(lambda: failed))

    assert ({"app": KNOWN.outlook}, NOW_S) == (outlooks(kept), kept.foreseen[WEB].made_at_s)
    assert {"app": failed} == never.foreseen[WEB].forecasts


def test_data_that_says_no_is_believed() -> None:
    """A container whose history does not suffice any more has no forecast any more: only failed fits are bridged."""
    refused = NoOutlook("NotEnoughHistory", "an hour is too little")
    with metricserver.serving(Metrics(METRICS)) as source:
        assert {"app": refused} == refitted(source, Pool(), Pool(lambda: refused)).foreseen[WEB].forecasts


class Failing(Pool):
    """Breaks on histories of an hour."""

    def foresee(self, history: Any, wishes: Any) -> list[Forecasted | NoOutlook]:
        """What a pool answers, unless the history is an hour long."""
        if history.grid.count == 12:  # 1h in steps of 5m
            raise RuntimeError("unforeseen")
        return super().foresee(history, wishes)


def test_a_refit_that_fails_is_not_tried_again_at_once() -> None:
    """What nobody foresaw costs Prometheus no storm of queries, and workloads of another window nothing at all."""
    pods = {("shop", f"{name}-5d9c7f6b4-x7k2p", "app"): float(mi(100)) for name in ("web", "api")}
    api = assignment("api", policy("api", history={"window": "2h"}))
    forecasts = Forecasts()
    with metricserver.serving(Metrics(pods)) as source, pytest.raises(ExceptionGroup) as caught:
        forecasts.refit(FromPrometheus(source), Failing(), [assignment(), api], NOW_S, INTERVAL_S)

    assert ["unforeseen"] == [str(each) for each in caught.value.exceptions]
    assert [("shop", "Deployment/api")] == list(forecasts.foreseen)
    assert [] == forecasts.due([assignment(), api], NOW_S + RETRY_S - 1)
    assert [assignment()] == forecasts.due([assignment(), api], NOW_S + RETRY_S)


def test_jumps_are_shared_although_others_failed() -> None:
    """What went wrong with one window's workloads keeps no news of jumps from the rest."""
    pods = {("shop", f"{name}-5d9c7f6b4-x7k2p", "app"): float(mi(100)) for name in ("web", "api")}
    jumpy = forecasted([100.0] * 12, jumps=Jumps(np.full(STEPS.size, 48.0), 480.0))
    forecasts = Forecasts()
    with metricserver.serving(Metrics(pods)) as source:
        forecasts.refit(FromPrometheus(source), Pool(), [assignment()], NOW_S, INTERVAL_S)
        both = [assignment(), assignment("api", policy("api", history={"window": "2h"}))]
        with pytest.raises(ExceptionGroup):
            forecasts.refit(FromPrometheus(source), Failing(lambda: jumpy), both, NOW_S + 60, INTERVAL_S)

    web = forecasts.foreseen[WEB].forecasts["app"]
    assert isinstance(web, Forecasted)
    assert web.tail.shares[-1] > 0.01  # usual is 1e-5


def test_nobody_waits_for_ever() -> None:
    """Of more workloads than a batch holds, those that were not in the first are in the second."""
    each = [assignment(f"web{number}") for number in range(BATCH + 50)]
    forecasts = Forecasts()
    with metricserver.serving(Metrics({})) as source:
        first = forecasts.due(each, NOW_S)
        forecasts.refit(FromPrometheus(source), Pool(), first, NOW_S, INTERVAL_S)
        # A minute later the first 200 are due again, for Prometheus had no samples of them.
        second = forecasts.due(each, NOW_S + RETRY_S)

    assert (BATCH, BATCH) == (len(first), len(second))
    assert {one.workload.name for one in each[BATCH:]} == {one.workload.name for one in second[:50]}


def test_a_workload_that_no_policy_selects_is_forgotten() -> None:
    """What was forecast for a policy that is gone is not there when another comes."""
    with metricserver.serving(Metrics(METRICS)) as source:
        forecasts = refitted(source, Pool())
        forecasts.due([assignment("api")], NOW_S + 1)

    assert {} == forecasts.foreseen


def test_when_a_revision_was_first_seen() -> None:
    """Names of a Deployment's pods tell their revision: its first sample proves it, an hour ago at most here."""
    with metricserver.serving(Metrics(METRICS)) as source:
        forecasts = refitted(source, Pool())

    firsts_s = forecasts.foreseen[WEB].first_samples_s
    assert ["5d9c7f6b4"] == list(firsts_s)
    assert NOW_S - 3600 <= firsts_s["5d9c7f6b4"] <= NOW_S - 3300


def test_a_deploy_is_a_change_point() -> None:
    """Two revisions: the newest one's first sample is where the history changes. With one there is no change."""
    newest = ("shop", "web-66f8bd9d7-q2w4x", "app")
    one, two = Pool(), Pool()
    with metricserver.serving(Metrics(METRICS)) as source:
        refitted(source, one)
    with metricserver.serving(Metrics({**METRICS, newest: float(mi(100))}, since_s={newest: NOW_S - 1200})) as source:
        refitted(source, two)

    before, after = (pool.histories[0].changed_at_s for pool in (one, two))
    assert before is not None
    assert after is not None
    assert np.isnan(before).all()
    assert NOW_S - 1200 <= after[0] <= NOW_S - 900


def test_kills_on_record_are_a_workloads_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its pods, by container, and of no other's: another workload's pod is not among its samples."""
    kill = Kill(NOW_S - 600, mi(100))
    pods = ("web-5d9c7f6b4-x7k2p", "other-5d9c7f6b4-x7k2p")
    on_record = {ContainerOfPod("shop", pod, "app"): kill for pod in pods}
    monkeypatch.setattr(prometheus, "past_kills", lambda *_: on_record)
    with metricserver.serving(Metrics(METRICS)) as source:
        forecasts = refitted(source, Pool())

    assert {"app": (kill,)} == forecasts.foreseen[WEB].kills


def test_containers_that_no_policy_names_are_not_forecast() -> None:
    """Only what may be sized costs a fit; the others are said to have no forecast."""
    pool = Pool()
    with metricserver.serving(Metrics({**METRICS, ("shop", "web-5d9c7f6b4-x7k2p", "side"): 1.0})) as source:
        chosen = replace(assignment(), policy=policy(containers=[{"name": "app"}]))
        Forecasts().refit(FromPrometheus(source), pool, [chosen], NOW_S, INTERVAL_S)

    assert [1] == pool.asked


DB = ("shop", "StatefulSet/db")
NAMES = {f"db-{n}": (f"pod/db-{n}",) for n in range(3)}
USE = {("shop", "db-0", "app"): float(mi(300)), **{("shop", f"db-{n}", "app"): float(mi(100)) for n in (1, 2)}}


def divided(source: Source, pool: Pool, before: tuple[frozenset[str], ...] = (), **asked: Any) -> Forecasts:
    """After a refit of StatefulSet db of three, of which the first has used three times as much for five days."""
    asked = {"history": {"window": "5d"}, "apply": {"atCreation": True, "running": "InPlace"}, **asked}
    chosen = assignment("db", policy("db", **asked))
    chosen = replace(chosen, workload=replace(chosen.workload, kind="StatefulSet", replicas=3))
    forecasts = Forecasts(standing=lambda _: Standing("StatefulSet", 0, NAMES, before))
    forecasts.refit(FromPrometheus(source), pool, [chosen], NOW_S, INTERVAL_S)
    return forecasts


def test_replicas_apart_have_forecasts_of_their_own() -> None:
    """One for all together, one for the two that are alike, one for the hot one: each of the history of its own."""
    pool = Pool()
    with metricserver.serving(Metrics(USE)) as source:
        forecasts = divided(source, pool)

    tiers = forecasts.foreseen[DB].tiers
    assert tiers is not None
    assert [("pod/db-1", "pod/db-2"), ("pod/db-0",)] == [each.members for each in tiers]
    assert [{"app"}, {"app"}] == [set(each.forecasts) for each in tiers]
    assert [1, 2] == pool.asked
    assert [[mi(300)], [mi(100), mi(300)]] == [each.usage[:, -1].tolist() for each in pool.histories]


def test_replicas_are_not_told_apart_where_they_cannot_be_sized_so() -> None:
    """A policy that only recommends, or sizes at creation, gives all replicas one size; nothing else is asked."""
    pool = Pool()
    with metricserver.serving(Metrics(USE)) as source:
        forecasts = divided(source, pool, apply={"atCreation": True})

    assert () == forecasts.foreseen[DB].tiers
    assert [1] == pool.asked


def test_partial_data_neither_makes_nor_ends_tiers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the source says that data is missing, nobody knows who used how much."""
    read = prometheus.history

    def partial(*given: Any) -> Any:
        answer = read(*given)
        return replace(answer, facts=tuple(replace(fact, partial=True) for fact in answer.facts))

    with metricserver.serving(Metrics(USE)) as source:
        forecasts = divided(source, Pool())
        known = forecasts.foreseen[DB].tiers
        monkeypatch.setattr(prometheus, "history", partial)
        chosen = replace(assignment("db", policy("db", generation=2, apply={"atCreation": True, "running": "InPlace"})))
        chosen = replace(chosen, workload=replace(chosen.workload, kind="StatefulSet", replicas=3))
        forecasts.refit(FromPrometheus(source), Pool(), [chosen], NOW_S + INTERVAL_S, INTERVAL_S)

    kept = forecasts.foreseen[DB].tiers
    assert known
    assert kept
    assert [each.members for each in known] == [each.members for each in kept]
    assert forecasts.foreseen[DB].distrust


def test_a_tiers_fit_that_failed_loses_nothing() -> None:
    """Its last forecast is kept, with its age, as one of a whole workload is."""
    answers = iter([KNOWN, KNOWN, KNOWN, KNOWN, NoOutlook(FIT_FAILED, "its fit failed"), KNOWN])
    pool = Pool(lambda: next(answers))
    with metricserver.serving(Metrics(USE)) as source:
        forecasts = divided(source, pool)
        chosen = assignment(
            "db", policy("db", history={"window": "5d"}, apply={"atCreation": True, "running": "InPlace"})
        )
        chosen = replace(chosen, workload=replace(chosen.workload, kind="StatefulSet", replicas=3))
        forecasts.refit(FromPrometheus(source), pool, [chosen], NOW_S + INTERVAL_S, INTERVAL_S)

    tiers = forecasts.foreseen[DB].tiers
    assert tiers is not None
    assert all(isinstance(each.forecasts["app"], Forecasted) for each in tiers)
    assert NOW_S == forecasts.foreseen[DB].made_at_s
