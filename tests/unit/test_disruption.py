"""Who is never evicted, when nobody is, and how many are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, pod
from foresize_forecast.deciding.state import Eviction, WorkloadState
from foresize_forecast.moving.disruption import (
    Allowance,
    Crew,
    Past,
    Window,
    closed,
    in_vain,
    never,
    next_opening_s,
    not_now,
    rested,
    unsettled,
)

KEY = ("shop", "Deployment/web")
ONE, TWO = pod(), pod(name="web-abc-2", uid="uid-2", node="node-2")
ALLOWED = Allowance(cluster_per_hour=4, node_per_hour=3, workload_per_hour=2, policy_per_hour=3)


def crew(**changes: Any) -> Crew:
    """Two ready pods of a Deployment that wants two."""
    return replace(Crew(KEY, "policy-1", 2, (ONE, TWO)), **changes)


def evicted(minutes_ago: float = 10, number: int = 0, **changes: Any) -> Past:
    """An eviction from node-1."""
    gone = Eviction(NOW_S - 60 * minutes_ago, f"gone-{number}", f"web-{number}", "node-1", "NodeFull")
    return replace(Past(KEY, "policy-1", gone), **changes)


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"owner": ""}, "BarePod"),
        ({"owner": "Node/node-1"}, "StaticPod"),
        ({"owner": "DaemonSet/agent"}, "DaemonSet"),
        ({"owner": "Job/once"}, "Job"),
        ({"namespace": "kube-system"}, "SystemNamespace"),
        ({"undisturbed": 'karpenter.sh/do-not-disrupt: "true"'}, "DoNotDisrupt"),
    ],
)
def test_some_pods_are_never_evicted(changes: dict[str, Any], reason: str) -> None:
    """Bare, static, DaemonSet's, Job's, the system's and whatever asks not to be disturbed."""
    held = never(replace(ONE, **changes), crew(), ALLOWED)

    assert held is not None
    assert reason == held.reason


def test_the_system_is_for_eviction_where_it_is_allowed() -> None:
    """The setting that lets policies act on kube-system lets them evict there too."""
    assert never(replace(ONE, namespace="kube-system"), crew(), replace(ALLOWED, kube_system=True)) is None


@pytest.mark.parametrize(
    ("replicas", "consent", "operators", "reason"),
    [
        (2, None, False, None),
        (1, None, False, "SingleReplica"),
        (0, None, False, "SingleReplica"),
        (1, True, False, None),
        (1, None, True, None),
        (1, False, True, "NoConsent"),
        (5, False, False, "NoConsent"),
    ],
)
def test_a_single_replica_needs_its_owners_word(
    *, replicas: int, consent: bool | None, operators: bool, reason: str | None
) -> None:
    """The mark on the workload says yes or no; the operator's setting says yes where the workload says nothing."""
    held = never(ONE, crew(replicas=replicas, consent=consent), replace(ALLOWED, single_replicas=operators))

    assert reason == (held.reason if held else None)


def test_the_next_pod_goes_when_all_others_are_ready() -> None:
    """One at a time: a replacement that is not ready holds its siblings; one that is not ready itself may go."""
    assert not_now(ONE, crew(), ALLOWED, [], NOW_S) is None
    waiting = not_now(ONE, crew(pods=(ONE, replace(TWO, ready=False))), ALLOWED, [], NOW_S)
    going = not_now(ONE, crew(pods=(ONE, replace(TWO, terminating=True))), ALLOWED, [], NOW_S)

    assert waiting is not None
    assert ("NotAllReady", "0 of its 1 other replicas are ready") == (waiting.reason, waiting.message)
    assert going == waiting
    assert not_now(replace(ONE, ready=False), crew(pods=(replace(ONE, ready=False), TWO)), ALLOWED, [], NOW_S) is None


def test_a_pod_that_serves_nobody_waits_for_nobody() -> None:
    """It dies at each start: that it is alone, or its sibling not ready, or its rollout unfinished, is no reason.

    Its owner's word, windows and budgets are, but for its workload's: three doublings are three evictions.
    """
    down = replace(ONE, ready=False)
    alone = crew(replicas=1, pods=(down,), serves=False, rollout="1 of 1 new pods are not ready")
    both = crew(pods=(down, replace(TWO, ready=False)), serves=False)
    spent = [evicted(number=1), evicted(number=2)]

    for mine in (alone, both):
        assert never(down, mine, ALLOWED) is None
        assert not_now(down, mine, ALLOWED, [], NOW_S) is None
    assert never(down, replace(both, consent=False), ALLOWED) is not None
    assert not_now(down, both, ALLOWED, spent, NOW_S) is None
    assert not_now(ONE, crew(), ALLOWED, spent, NOW_S) is not None  # two of an hour are spent
    assert not_now(down, both, replace(ALLOWED, policy_per_hour=2), spent, NOW_S) is not None


def test_nothing_is_evicted_in_a_rollout() -> None:
    """Its controller replaces pods already."""
    held = not_now(ONE, crew(rollout="2 of 3 pods are of an older version"), ALLOWED, [], NOW_S)

    assert held is not None
    assert "RollingOut" == held.reason


@pytest.mark.parametrize(
    ("allowance", "past", "whose"),
    [
        (replace(ALLOWED, workload_per_hour=9), [evicted(number=n) for n in range(3)], "node node-1"),
        (ALLOWED, [evicted(number=n) for n in range(2)], "its workload"),
        (
            replace(ALLOWED, node_per_hour=9),
            [evicted(number=n, key=("shop", f"Deployment/{n}")) for n in range(3)],
            "its policy",
        ),
        (
            replace(ALLOWED, node_per_hour=9),
            [evicted(number=n, key=("bank", f"Deployment/{n}"), policy="other") for n in range(4)],
            "the cluster",
        ),
    ],
)
def test_each_budget_holds_for_an_hour(allowance: Allowance, past: list[Past], whose: str) -> None:
    """Of cluster, node, policy and workload; ten minutes after the first it says fifty more, and then it is free."""
    held = not_now(ONE, crew(), allowance, past, NOW_S)

    assert held is not None
    assert "BudgetSpent" == held.reason
    assert f"{len(past)} of {len(past)} evictions an hour of {whose} are spent; there is one again at" in held.message
    assert not_now(ONE, crew(), allowance, past[1:], NOW_S) is None
    assert not_now(ONE, crew(), allowance, past, NOW_S + 50 * 60) is None


def test_no_budget_is_no_eviction() -> None:
    """Zero is off, and the sentence names the setting."""
    held = not_now(ONE, crew(), replace(ALLOWED, cluster_per_hour=0), [], NOW_S)

    assert held is not None
    assert "EvictionsOff" == held.reason
    assert "--evictions-per-hour" in held.message
    none_of_mine = not_now(ONE, crew(), replace(ALLOWED, policy_per_hour=0), [], NOW_S)
    assert none_of_mine is not None
    assert "0 of 0 evictions an hour of its policy are spent" == none_of_mine.message


def test_an_intent_for_the_same_pod_is_no_second_eviction() -> None:
    """An operator that died between writing it down and asking for it may go on where it was."""
    mine = evicted()
    begun = replace(mine, eviction=replace(mine.eviction, uid=ONE.uid))

    assert not_now(ONE, crew(), replace(ALLOWED, workload_per_hour=1), [begun], NOW_S) is None


def test_a_window_opens_by_its_own_clocks() -> None:
    """22:30 in Berlin is 21:30Z in winter, 20:30Z in summer; open for its duration, over midnight too."""
    berlin = (Window(22 * 60 + 30, 4 * 3600, zone="Europe/Berlin"),)

    assert closed(berlin, at("2026-01-15T21:30:00")) is None
    assert closed(berlin, at("2026-01-16T01:29:59")) is None
    assert closed(berlin, at("2026-01-16T01:30:00")) is not None
    assert closed(berlin, at("2026-07-15T20:30:00")) is None
    shut = closed(berlin, at("2026-07-15T20:29:59"))
    assert shut is not None
    assert "no window of its policy is open; the next one opens Wed 20:30Z" == shut.message


def test_a_window_of_some_days_is_closed_on_others() -> None:
    """2026-01-17 is a Saturday: a window of Saturday 22:00 lasts into Sunday, and none opens on Sunday."""
    saturday = (Window(22 * 60, 6 * 3600, days=frozenset({5})),)

    assert closed(saturday, at("2026-01-17T23:00:00")) is None
    assert closed(saturday, at("2026-01-18T03:59:00")) is None
    assert closed(saturday, at("2026-01-18T22:30:00")) is not None
    assert at("2026-01-24T22:00:00") == next_opening_s(saturday, at("2026-01-18T22:30:00"))


def test_a_window_lasts_as_long_when_clocks_change() -> None:
    """In Berlin clocks go from 02:00 to 03:00 on 2026-03-29: from 01:00 (00:00Z) three hours are until 03:00Z."""
    night = (Window(60, 3 * 3600, zone="Europe/Berlin"),)

    assert closed(night, at("2026-03-29T00:00:00")) is None
    assert closed(night, at("2026-03-29T02:59:59")) is None
    assert closed(night, at("2026-03-29T03:00:00")) is not None


def test_without_windows_it_is_always_time() -> None:
    """Nothing to wait for, and no next opening."""
    assert closed((), NOW_S) is None
    assert next_opening_s((), NOW_S) is None


def test_while_a_replacement_has_no_node_nothing_else_is_evicted() -> None:
    """A cluster that cannot take one evicted pod back gives no other one away, for an hour."""
    lost = crew(pods=(ONE, replace(TWO, node="")))
    held = unsettled([crew(key=("shop", "Deployment/other")), lost], [evicted()], NOW_S)

    assert held is not None
    assert "the replacement of an evicted pod of shop/Deployment/web has no node yet" == held.message
    assert unsettled([crew()], [evicted()], NOW_S) is None
    assert unsettled([lost], [evicted(61)], NOW_S) is None
    assert unsettled([lost], [], NOW_S) is None


def test_a_replacement_is_not_evicted_for_the_same_cause() -> None:
    """For an hour; the siblings that were there before may still go, and so may it for another cause."""
    gone = [evicted(30).eviction]
    new = replace(ONE, created_s=NOW_S - 29 * 60.0)

    assert rested(new, "NodeFull", gone, NOW_S) is not None
    assert rested(ONE, "NodeFull", gone, NOW_S) is None
    assert rested(new, "LeakReachesLimit", gone, NOW_S) is None
    assert rested(new, "NodeFull", gone, NOW_S + 30 * 60) is None


def test_a_workload_whose_new_pods_are_not_sized_loses_no_second_pod() -> None:
    """For an hour after an eviction whose replacement has no mark of sizing; pods of before tell nothing."""
    gone = [evicted(30).eviction]
    new = replace(TWO, created_s=NOW_S - 29 * 60.0)

    held = in_vain([ONE, new], gone, NOW_S)
    assert held is not None
    assert "BornUnsized" == held.reason
    assert "web-abc-2, created since the last eviction, was not sized at its creation" in held.message
    assert in_vain([ONE, replace(new, sized_at_creation=True)], gone, NOW_S) is None
    assert in_vain([ONE, TWO], gone, NOW_S) is None
    assert in_vain([ONE, new], gone, NOW_S + 30 * 60) is None
    assert in_vain([ONE, new], [], NOW_S) is None


@given(
    tries=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=60),
    most=st.tuples(*[st.integers(0, 4)] * 4),
)
def test_no_hour_has_more_evictions_than_its_budgets(
    tries: list[tuple[int, int]], most: tuple[int, int, int, int]
) -> None:
    """Whenever pods ask to be evicted, of whatever node and workload they are, no hour sees more than is allowed."""
    allowance = Allowance(*most)
    made: list[Past] = []
    now_s = float(NOW_S)
    for number, (which, minutes) in enumerate(tries):
        now_s += minutes * 60
        view = replace(ONE, uid=f"uid-{number}", node=f"node-{which % 2}")
        one = crew(key=("shop", f"Deployment/{which}"), policy=f"policy-{which // 2}", replicas=1, pods=(view,))
        if not_now(view, one, allowance, made, now_s) is None:
            made.append(Past(one.key, one.policy, Eviction(now_s, view.uid, "", view.node, "NodeFull")))
    for last in made:
        hour = [each for each in made if 0 <= last.eviction.at_s - each.eviction.at_s < 3600]
        assert len(hour) <= most[0]
        assert sum(each.eviction.node == last.eviction.node for each in hour) <= most[1]
        assert sum(each.key == last.key for each in hour) <= most[2]
        assert sum(each.policy == last.policy for each in hour) <= most[3]


@given(st.lists(st.tuples(st.floats(0, 200_000), st.integers(0, 30)), max_size=40))
def test_of_one_pod_one_eviction_is_remembered(made: list[tuple[float, int]]) -> None:
    """Newest last, at most twenty, none older than a day before the newest."""
    state = WorkloadState()
    for at_s, number in sorted(made):
        state = state.with_eviction(Eviction(at_s, f"uid-{number}", "", "", "NodeFull"))
    uids = [each.uid for each in state.evictions]

    assert len(set(uids)) == len(uids) <= 20
    assert [each.at_s for each in state.evictions] == sorted(each.at_s for each in state.evictions)
    if state.evictions:
        assert state.evictions[-1].at_s - state.evictions[0].at_s < 86_400
        assert uids[-1] not in [each.uid for each in state.without_eviction(uids[-1]).evictions]
