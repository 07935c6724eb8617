"""What a pass found, as metrics."""

from __future__ import annotations

from dataclasses import replace

from builders import NOW_S, container, forecasted, mi, pod, recent, size
from foresize import metrics
from foresize.reporting.exports import Dealt, export, forget
from foresize.reporting.forecasts import Look
from foresize_forecast.deciding.state import WorkloadState
from foresize_forecast.forecasting.outlook import NoOutlook, Score, Shape, ShapeKind
from foresize_forecast.pods import Resize, ResizePhase
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.workloads.review import Apart, Observation, review

MOST = 100
"""Containers with metrics of their own."""
WEB, API = ("shop", "Deployment/web"), ("shop", "Deployment/api")


def look(limit_mib: float | None = 400) -> Look:
    """A look at one pod of 200 MiB that leaks."""
    view = container(present=size(200, limit_mib))
    seen = Observation(NOW_S, (pod(view),), {}, {"app": view.size}, QosClass.BURSTABLE)
    forecasts = {"app": forecasted([200.0] * 12, shape=Shape(ShapeKind.LEAKING, growth_bytes_per_s=1.0))}
    return Look(seen, review(WorkloadState(), seen, forecasts, WorkloadPolicy()), forecasts, applies=True)


def of(name: str, **labels: str) -> float | None:
    """The value of a metric by its labels."""
    return metrics.REGISTRY.get_sample_value(f"foresize_{name}", labels)


def value(name: str, workload: str = "Deployment/web") -> float | None:
    """Of a metric of the container."""
    return of(f"container_{name}", namespace="shop", workload=workload, container="app")


def test_sizes_peak_and_leak_are_shown() -> None:
    """The request and limit in force, the forecast's peak, and 1 for a leak."""
    export({WEB: look()}, MOST)

    assert (mi(200), mi(400), mi(200), 1) == (
        value("request_bytes"),
        value("limit_bytes"),
        value("peak_bytes"),
        value("leaking"),
    )


def test_what_is_asked_for_in_excess_is_told_of_each_replica_by_its_own_size() -> None:
    """Two pods of 200 MiB: one should have 202 (with its head room 200 suffices), the other, sized apart, 101."""
    plain = look()
    pods = tuple(replace(plain.seen.pods[0], name=name, uid=name) for name in ("db-0", "db-1"))
    seen = replace(plain.seen, pods=pods, recent={(each.name, "app"): recent([50] * 5) for each in pods})
    small = {"app": forecasted([100.0] * 12)}
    pace = WorkloadPolicy(cooldown_s=0)
    alone = review(WorkloadState(), replace(seen, pods=pods[1:]), small, pace)
    apart = (Apart(("pod/db-1",), frozenset({"db-1"}), alone, small),)
    whole = review(WorkloadState(), seen, plain.forecasts, pace)
    export({WEB: replace(plain, seen=seen, review=replace(whole, apart=apart))}, MOST)

    assert mi(200 - 101) == value("excess_request_bytes")


def test_what_is_gone_disappears() -> None:
    """A workload that is no longer managed, and a limit that was taken away, leave no last value behind."""
    export({WEB: look(), API: look()}, MOST)
    export({API: look(limit_mib=None)}, MOST)

    assert (None, mi(200)) == (value("request_bytes"), value("request_bytes", "Deployment/api"))
    assert value("limit_bytes", "Deployment/api") is None


def test_blocked_pods_are_counted_by_obstacle() -> None:
    """Two pods without room are 2, and none are none."""

    def blocked() -> float | None:
        return of("pods_blocked", obstacle=str(Obstacle.REFUSED))

    why = Blocked(Obstacle.REFUSED, "no room")
    export({WEB: replace(look(), blocked={"web-1": why, "web-2": why})}, MOST)
    assert 2 == blocked()

    export({WEB: look()}, MOST)
    assert 0 == blocked()


def scaled(replicas: int, request_mib: float, template_mib: float) -> Look:
    """A look at some pods of one size, under a template of another; the forecast wants 200 MiB."""
    view = container(present=size(request_mib, 1000))
    pods = tuple(replace(pod(view), name=f"web-{number}") for number in range(replicas))
    seen = Observation(NOW_S, pods, {}, {"app": size(template_mib, 1000)}, QosClass.BURSTABLE)
    forecasts = {"app": forecasted([200.0] * 12)}
    return Look(seen, review(WorkloadState(), seen, forecasts, WorkloadPolicy()), forecasts, applies=False)


def test_savings_are_told_of_all_pods() -> None:
    """Three pods at 300 MiB under a template of 500 save 3 x 200; where 200 are wanted, 3 x 100 are still too many."""
    export({WEB: scaled(3, 300, 500)}, MOST)

    assert (3, mi(600), mi(300)) == (value("pods"), value("saved_bytes"), value("excess_request_bytes"))
    sums = [of(f"namespace_{name}_bytes", namespace="shop") for name in ("requested", "saved", "excess_request")]
    assert [mi(900), mi(600), mi(300)] == sums


def test_a_backtest_is_told_beside_its_baseline() -> None:
    """What the model's sizes cost, what the baseline's would have, and how much of the time usage stayed within."""
    score = Score(hours=100, cost_bytes=mi(250), slack=0.2, coverage=0.99, exceedances=0)
    forecasts = {"app": forecasted([200.0] * 12, score=score, baseline_score=replace(score, cost_bytes=mi(300)))}
    export({WEB: replace(look(), forecasts=forecasts)}, MOST)

    assert (mi(250), mi(300)) == (value("backtest_cost_bytes"), value("baseline_cost_bytes"))
    assert (0.99, 0.2) == (value("backtest_coverage_ratio"), value("backtest_slack_ratio"))
    labels = {"namespace": "shop", "workload": WEB[1], "container": "app", "model": "RecentPeak", "shape": "Flat"}
    assert 1 == of("container_model_info", **labels)


def test_a_leak_tells_the_time_to_its_limit() -> None:
    """200 MiB below its limit and a byte a second: so many seconds."""
    export({WEB: look()}, MOST)

    assert mi(200) == value("leak_limit_seconds")


def test_a_container_without_a_forecast_says_why() -> None:
    """The reason is a label, and there is no forecast beside it."""
    export({WEB: replace(look(), forecasts={"app": NoOutlook("NoSamples", "there are none")})}, MOST)

    labels = {"namespace": "shop", "workload": WEB[1], "container": "app", "reason": "NoSamples"}
    assert 1 == of("container_no_forecast", **labels)
    assert value("peak_bytes") is None


def test_no_more_containers_than_were_allowed_have_metrics_of_their_own() -> None:
    """With room for one the leaking one is told, though another is larger; sums are of both; with 0 none is."""
    large = scaled(3, 300, 500)
    export({API: large, WEB: look()}, 1)

    assert (mi(200), None) == (value("request_bytes"), value("request_bytes", API[1]))
    assert (mi(1100), 1) == (of("namespace_requested_bytes", namespace="shop"), of("containers_left_out"))

    export({API: large, WEB: look()}, 0)
    assert (None, 2) == (value("request_bytes"), of("containers_left_out"))


def test_the_first_kill_is_an_increase() -> None:
    """A managed container's counters are there at 0 before anything is counted, and go with it."""
    labels = {"namespace": "shop", "workload": WEB[1], "container": "app"}
    export({}, MOST)
    export({WEB: look()}, MOST)
    assert 0 == of("oom_kills_total", **labels)
    assert 0 == of("pods_born_unsized_total", namespace="shop", workload=WEB[1])

    export({}, MOST)
    assert of("oom_kills_total", **labels) is None


def test_a_resize_that_waits_tells_for_how_long() -> None:
    """The longest of a workload's, by where it stands."""
    waits = [Resize(ResizePhase.DEFERRED, "no room", NOW_S - since) for since in (60, 600)]
    seen = look().seen
    pods = tuple(replace(seen.pods[0], name=f"web-{number}", resize=each) for number, each in enumerate(waits))
    export({WEB: replace(look(), seen=replace(seen, pods=pods))}, MOST)

    assert 600 == of("resize_pending_seconds", namespace="shop", workload=WEB[1], phase="Deferred")


def test_a_budget_tells_what_is_left() -> None:
    """2 GiB of which 0.5 are requested leave 1.5; the least share is told as it was dealt."""
    export({}, MOST, [Dealt(("shop", "all"), mi(2048), mi(512), share=0.75)])

    found = [of(f"policy_budget_{name}", namespace="shop", policy="all") for name in ("left_bytes", "share_ratio")]
    assert [mi(1536), 0.75] == found


def test_decisions_are_counted_by_reason() -> None:
    """Two containers of one reason are 2, and reasons that nothing has are 0."""
    export({WEB: scaled(1, 300, 500), API: scaled(1, 300, 500)}, MOST)
    reason = str(scaled(1, 300, 500).review.verdicts["app"].reason)

    assert (2, 0) == (of("containers", reason=reason), of("containers", reason="OOMKilled"))


def test_who_no_longer_leads_tells_nothing() -> None:
    """Another operator tells of the same containers now: two values for one would be added up."""
    export({WEB: look()}, MOST)
    forget()

    assert value("request_bytes") is None
    assert of("namespace_requested_bytes", namespace="shop") is None
