"""What a MemoryPolicy says of itself, and when that is worth a write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW_S, container, forecasted, pod, size
from foresize.cluster.guard import STOPPED, Assignment, Overlap, Quiet
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy, PolicyProblem, parse
from foresize.config.quantities import timestamp
from foresize.reporting.forecasts import Look, status_of
from foresize.reporting.policystatus import DAY_S, Findings, is_due, is_ready, of_findings, of_problem
from foresize.reporting.records import REPORT_EVERY_S
from foresize_forecast.deciding.state import Eviction, WorkloadState
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.node import Relief, Standing
from foresize_forecast.node.demand import NOTHING
from foresize_forecast.pods import Kill
from foresize_forecast.prometheus import Refusal, RefusalKind
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Observation, review

TEMPLATE = {"app": size(64, 128)}
WEB = Workload("shop", "apps/v1", "Deployment", "web", "uid-web", {}, {}, TEMPLATE, QosClass.BURSTABLE, 2)


def policy(**spec: Any) -> Policy:
    """A policy for Deployment web that only recommends unless told otherwise."""
    target = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    at = {"generation": 3, "creationTimestamp": "2026-11-01T00:00:00Z"}
    parsed = parse(
        {
            "metadata": {"namespace": "shop", "name": "web", "uid": "uid", **at},
            "spec": {"target": target, **spec},
        }
    )
    assert isinstance(parsed, Policy), parsed
    return parsed


def look(forecast: Forecasted | NoOutlook | None = None, kills: tuple[float, ...] = ()) -> Look:
    """A look at two pods of 64 MiB, killed at these times."""
    view = container(present=size(64, 128))
    pods = (pod(view), pod(view, uid="uid-2", name="web-abc-2"))
    seen = Observation(NOW_S, pods, {}, TEMPLATE, QosClass.BURSTABLE)
    forecasts: dict[str, Forecasted | NoOutlook] = {"app": forecast or forecasted([100.0] * 12)}
    state = WorkloadState()
    remembered = replace(state.container("app"), kills=tuple(Kill(at_s, None) for at_s in kills))
    found = review(state.with_container("app", remembered), seen, forecasts, WorkloadPolicy())
    return Look(seen, found, forecasts, applies=True)


def found(quiet: Quiet | None = None, chosen: Policy | None = None, **changes: Any) -> Findings:
    """What a pass found of a policy that has Deployment web."""
    one = chosen or policy()
    return replace(Findings(one, [Assignment(WEB, one, quiet)], (), [look()]), **changes)


def said(findings: Findings, condition: str = "Ready") -> tuple[str, str, str]:
    """Status, reason and message of a condition."""
    each = {one["type"]: one for one in of_findings(findings, {}, NOW_S)["conditions"]}[condition]
    return each["status"], each["reason"], each["message"]


APPLIED = {"apply": {"atCreation": True, "running": "InPlace"}}


@pytest.mark.parametrize(
    ("findings", "status", "reason", "words"),
    [
        (found(), "True", "Working", "recommendations only: see spec.apply"),
        (found(chosen=policy(**APPLIED)), "True", "Working", "running pods are resized, new pods are created with"),
        (found(Quiet("Paused", "its policy is paused")), "True", "Paused", "nothing is written to any workload"),
        (found(Quiet(STOPPED, "stopped by ConfigMap x/y")), "True", STOPPED, "stopped by ConfigMap x/y"),
        (found(error="Deployment/web: etcd is away"), "False", "PassFailed", "etcd is away"),
        (found(missing="there is no Deployment web"), "False", "TargetNotFound", "there is no Deployment web"),
        (found(assignments=[], looks=[]), "False", "NoTarget", "matches no Deployment"),
        (found(chosen=policy(containers=[{"name": "ap"}])), "False", "NoSuchContainer", "'ap' matches none of"),
    ],
)
def test_ready_says_what_is_done_or_why_not(findings: Findings, status: str, reason: str, words: str) -> None:
    """Each state of a policy has a word for machines and a sentence for people."""
    told = said(findings)

    assert (status, reason) == told[:2]
    assert words in told[2]


@pytest.mark.parametrize(
    ("findings", "status", "reason"),
    [
        (found(), "True", "Forecast"),
        (found(refusals=[Refusal(RefusalKind.TIMEOUT, "no answer in 30 s")]), "False", "PrometheusTimeout"),
        (found(looks=[look(NoOutlook("NotEnoughHistory", "an hour"))]), "False", "NoForecast"),
        (found(looks=[replace(look(), forecasts={})]), "False", "FetchingHistory"),
        (found(assignments=[], looks=[]), "False", "NoContainer"),
    ],
)
def test_history_says_why_there_is_no_forecast(findings: Findings, status: str, reason: str) -> None:
    """From the source that does not answer to the container that is too young."""
    assert (status, reason) == said(findings, "HistoryAvailable")[:2]


def test_conflicts_name_the_other() -> None:
    """Another policy, and another autoscaler, each with the way out."""
    older = replace(policy(), name="older", uid="uid-older")
    overlap = found(overlaps=[Overlap(WEB, older, policy())])
    scaled = found(Quiet("Conflict", "VerticalPodAutoscaler vpa sizes it too"))

    assert ("True", "OtherPolicy") == said(overlap, "Conflict")[:2]
    assert "Deployment web is under the older MemoryPolicy older" in said(overlap, "Conflict")[2]
    assert ("True", "OtherAutoscaler") == said(scaled, "Conflict")[:2]


def test_counts() -> None:
    """Two pods of 64 MiB that need 100: 128Mi requested, 202Mi wanted; one kill of two is of the last day."""
    # A request that moves is set 1 % above what is needed: 101 MiB, twice.
    status = of_findings(found(looks=[look(kills=(NOW_S - DAY_S - 1, NOW_S - DAY_S + 1))]), {}, NOW_S)

    assert ("128Mi", "202Mi", 1, 1, 1) == (
        status["requested"],
        status["wanted"],
        status["killsLastDay"],
        status["workloads"],
        status["containers"],
    )


def test_transition_times_move_with_the_status_only() -> None:
    """As Kubernetes wants it: a new reason is no transition, a new status is one."""
    first = of_findings(found(), {}, NOW_S)
    paused = of_findings(found(Quiet("Paused", "its policy is paused")), first, NOW_S + 60)
    failed = of_findings(found(error="away"), paused, NOW_S + 120)

    since = [each["conditions"][0]["lastTransitionTime"] for each in (first, paused, failed)]
    assert [timestamp(NOW_S), timestamp(NOW_S), timestamp(NOW_S + 120)] == since


def test_a_status_is_written_when_it_says_something_new() -> None:
    """The same is written again after 5 minutes, for the time of the last pass, and not before."""
    status = of_findings(found(), {}, NOW_S)

    assert is_due(status, {}, NOW_S)
    later = of_findings(found(), status, NOW_S + REPORT_EVERY_S - 1)
    assert not is_due(later, status, NOW_S + REPORT_EVERY_S - 1)
    assert is_due(later, status, NOW_S + REPORT_EVERY_S)
    assert is_due(of_findings(found(error="away"), status, NOW_S + 15), status, NOW_S + 15)


def test_an_invalid_policy_is_told_once() -> None:
    """Its counts stay as they were, which is no reason to write it again, however old they are."""
    before = of_findings(found(), {}, NOW_S)
    problem = of_problem(PolicyProblem("InvalidSpec", "spec.target: missing"), 4, before, NOW_S + 15)
    after = {**before, **problem}

    assert is_due(problem, before, NOW_S + 15)
    again = of_problem(PolicyProblem("InvalidSpec", "spec.target: missing"), 4, after, NOW_S + 2 * REPORT_EVERY_S)
    assert not is_due(again, after, NOW_S + 2 * REPORT_EVERY_S)
    assert (True, False) == (is_ready(before), is_ready(problem))


def everywhere() -> Policy:
    """A policy of the cluster."""
    at = {"generation": 1, "creationTimestamp": "2026-11-01T00:00:00Z"}
    spec = {"namespaceSelector": {}, "target": {"selector": {}}}
    parsed = parse({"kind": "ClusterMemoryPolicy", "metadata": {"name": "all", "uid": "all", **at}, "spec": spec})
    assert isinstance(parsed, Policy), parsed
    return parsed


def test_a_policy_of_the_cluster_says_who_has_its_workloads() -> None:
    """That a namespace's own policy goes first is no conflict; both statuses name the workload and the other one."""
    cluster = everywhere()
    given_way = Overlap(WEB, policy(), cluster)
    lost = found(chosen=cluster, assignments=[], looks=[], overlaps=[given_way], namespaces={"shop"})
    won = found(overlaps=[given_way])

    assert ("True", "NamespacePolicyFirst") == said(lost)[:2]
    assert (
        "False",
        "NamespacePolicyFirst",
        "shop/Deployment web is under its namespace's own MemoryPolicy web",
    ) == said(lost, "Conflict")
    assert "Deployment web is under this policy, ClusterMemoryPolicy all gives way" == said(won, "Conflict")[2]
    assert 1 == of_findings(lost, {}, NOW_S)["namespaces"]


def test_a_long_list_of_workloads_is_cut() -> None:
    """A status stays readable, and small enough for etcd: 50 are named and the rest is counted."""
    cluster = everywhere()
    many = [Overlap(WEB, policy(), cluster)] * 60

    older = [replace(each, winner=replace(cluster, uid="older")) for each in many]

    assert said(found(chosen=cluster, overlaps=many), "Conflict")[2].endswith("; and 10 more")
    assert said(found(chosen=cluster, overlaps=older), "Conflict")[2].endswith("; and 10 more")


def test_a_selector_without_a_namespace_is_said() -> None:
    """A label that no namespace has is the likely mistake, not a missing workload."""
    lost = found(chosen=everywhere(), assignments=[], looks=[])

    assert ("False", "NoTarget") == said(lost)[:2]
    assert "its namespaceSelector matches no namespace" in said(lost)[2]


def test_evictions_of_the_last_hour_are_counted() -> None:
    """An hour's, without one that was written down and never made: its pod lives."""
    made = [Eviction(NOW_S - age_s, uid, uid, "node-1", "NodeFull") for uid, age_s in (("a", 3601), ("b", 3599))]
    made.append(Eviction(NOW_S - 10, "uid-1", "web-abc-1", "node-1", "NodeFull"))
    seen = look()
    seen = replace(seen, review=replace(seen.review, state=replace(seen.review.state, evictions=tuple(made))))

    assert 1 == of_findings(found(looks=[seen]), {}, NOW_S)["evictionsLastHour"]
    last = status_of(seen)["lastEviction"]
    assert ("b", "node-1", "NodeFull", timestamp(NOW_S - 3599)) == (
        last["pod"],
        last["node"],
        last["reason"],
        last["at"],
    )


def test_a_policy_that_evicts_says_so() -> None:
    """Whoever reads its condition knows that pods may go."""
    moves = policy(apply={"atCreation": True, "running": "InPlaceOrEvict"}, leak={"action": "Restart"})
    words = said(found(chosen=moves))[2]

    assert "running pods are resized, or evicted where that cannot be done in place" in words
    assert "those that leak are evicted before they reach their limit" in words


def test_a_row_for_an_init_container_is_no_typo() -> None:
    """A policy may name one: it is a container of the workload, too."""
    chosen = policy(containers=[{"name": "setup"}])
    web = replace(WEB, init={"setup": size(64, 128)})

    assert "True" == said(found(chosen=chosen, assignments=[Assignment(web, chosen, None)]))[0]


def test_a_label_without_pods_is_said() -> None:
    """What is grouped is pods: a policy that finds none says of which label, and of whose."""
    chosen = policy(target={"selector": {}, "groupBy": "job"})

    assert "no pod with the label job in this namespace" in said(found(chosen=chosen, assignments=[], looks=[]))[2]


def test_a_node_that_will_be_short_is_a_condition_of_the_policies_on_it() -> None:
    """Whose pods are there reads it; nodes of others, and of nobody, are not told of."""
    short = Relief(Standing.SHORT, NOTHING, NOTHING, (), 1 << 20, "node-1 will be short")
    status = of_findings(found(nodes={"node-1": short}), {}, NOW_S)
    others = of_findings(found(nodes={"node-9": short}), {}, NOW_S)

    [made] = [each for each in status["conditions"] if each["type"] == "NodePressure"]
    assert ("True", "NobodyMayGo") == (made["status"], made["reason"])
    assert "NodePressure" not in {each["type"] for each in others["conditions"]}
