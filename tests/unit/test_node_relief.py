"""Who leaves a node that will be short: the idle first, then by priority, no more than needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from builders import STEADY, mi, pod
from foresize_forecast.node import Consent, Part, Standing, Tenant, relief
from foresize_forecast.node.demand import DAY_S, STEP_S

IDLE = "0.001 cores for 30 minutes"
STEPS_A_DAY = DAY_S // STEP_S


def tenant(name: str, now_mib: float, then_mib: float | None = None, priority: int = 0, **changes: Any) -> Tenant:
    """A pod that uses so much, and is expected to use as much as `then` all day long from half an hour on."""
    levels = np.full(STEPS_A_DAY, mi(now_mib if then_mib is None else then_mib), dtype=float)
    levels[0] = mi(now_mib)
    part = Part(name, levels, mi(now_mib), mi(now_mib), STEADY, STEADY)
    return Tenant(pod(name=name, uid=name, priority=priority), (part,), **changes)


def leaving(room_mib: float, *tenants: Tenant) -> list[str]:
    """Names in the order in which they go."""
    return [each.tenant.pod.name for each in relief("node-1", mi(room_mib), tenants).leaving]


BUSY = tenant("busy", 300, 700)


def idle(name: str, now_mib: float, **changes: Any) -> Tenant:
    """An idle pod whose policy gives it away."""
    return tenant(name, now_mib, consent=Consent.IDLE, idle=IDLE, **changes)


def test_with_room_nobody_goes() -> None:
    """700 and 200 MiB fit a node of 1000: memory is ample, and nothing is said to be missing."""
    found = relief("node-1", mi(1000), [BUSY, idle("a", 200)])

    assert (Standing.AMPLE, (), 0) == (found.standing, found.leaving, found.missing_bytes)


def test_what_comes_later_than_an_hour_is_no_reason_yet() -> None:
    """It is short in ten hours: it fits now, and is not called ample."""
    later = tenant("busy", 300)
    later.parts[0].levels[20:] = mi(900)

    assert Standing.FITS is relief("node-1", mi(1000), [later, idle("a", 200)]).standing


def test_the_idle_one_goes_and_only_it() -> None:
    """700 + 200 + 200 MiB on a node of 1000: one of the two idle pods is enough, the busy one stays."""
    assert ["a"] == leaving(1000, BUSY, idle("a", 200), idle("b", 200))


def test_the_smallest_that_is_enough() -> None:
    """100 MiB are missing: 150 go, not 400 and not 50."""
    assert ["b"] == leaving(1200, BUSY, idle("a", 400), idle("b", 150), idle("c", 50))


def test_several_where_one_is_not_enough_the_largest_first() -> None:
    """150 MiB are missing: 100, then 60, of 100, 60 and 20 (two go, not three)."""
    assert ["a", "b"] == leaving(730, BUSY, idle("a", 100), idle("b", 60), idle("c", 20))


def test_the_lower_priority_first_even_if_it_is_larger() -> None:
    """Of two idle pods the one of the lower priority goes."""
    assert ["low"] == leaving(1000, BUSY, idle("high", 250, priority=10), idle("low", 300))


def test_what_works_goes_only_where_its_policy_says_so_and_after_all_that_is_idle() -> None:
    """300 MiB missing: the idle 100 first, then the lowest priority that is given; what is not given never."""
    mine = [tenant("kept", 400), tenant("given", 300, priority=5, consent=Consent.ANY), idle("a", 100)]

    assert ["a", "given"] == leaving(1200, BUSY, *mine)
    assert ["a"] == leaving(1100, BUSY, mine[0], mine[2])


def test_without_consent_nothing_goes_and_what_is_missing_is_said() -> None:
    """700 + 500 of 1000 MiB, and no policy gives anything away: 200 are missing, to the byte."""
    found = relief("node-1", mi(1000), [BUSY, tenant("other", 500, idle=IDLE)])

    assert (Standing.SHORT, (), mi(200)) == (found.standing, found.leaving, found.missing_bytes)


def test_who_cannot_go_now_is_passed_over() -> None:
    """The best one is held by a rule: the next one goes."""
    assert ["b"] == leaving(1000, BUSY, idle("a", 200, held=True), idle("b", 250))


def test_the_sentence_tells_all_that_was_known() -> None:
    """What is expected of what there is, who may move it, and why this pod."""
    [found] = relief("node-1", mi(1000), [BUSY, idle("a", 400)]).leaving

    assert "node-1 is expected to use 1100Mi of 1000Mi within the hour" in found.message
    assert f"it is idle ({IDLE}) and holds 400Mi" in found.message


def test_the_same_pods_in_another_order_give_the_same() -> None:
    """Nothing hangs on the order in which pods are listed."""
    crowd = [BUSY, idle("a", 100), idle("b", 100), idle("c", 100)]

    assert leaving(900, *crowd) == leaving(900, *reversed(crowd)) == ["a"]
