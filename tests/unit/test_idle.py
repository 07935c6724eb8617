"""Who does nothing: every signal has to say so for all of the time, and what is not measured says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, pod
from foresize_forecast.moving.idle import Activity, Doing, Idleness, idle_pods, pod_idleness, workload_idleness

HALF_AN_HOUR = 1800
NOTHING = Activity(
    span_s=HALF_AN_HOUR,
    covered=1.0,
    age_s=10,
    cpu_cores=0.002,
    received_bytes_per_s=120,
    sent_bytes_per_s=90,
    memory_high_bytes=400 << 20,
    memory_swing_bytes=1 << 20,
)


def idleness(seen: Activity | None = NOTHING, **of_pod: Any) -> Idleness:
    """Of a pod of a month, after half an hour."""
    return pod_idleness(pod(**of_pod), seen, HALF_AN_HOUR, NOW_S)


def test_a_pod_that_does_nothing_is_idle_and_the_figures_are_told() -> None:
    """A reader sees what was measured, and that connections were not."""
    found = idleness()

    assert found.idle
    assert (
        "in the last 30 minutes at most 0.002 cores, 120 bytes a second received and 90 sent, "
        "memory moved by 1Mi, connections not measured"
    ) == found.message


@pytest.mark.parametrize(
    ("changes", "doing", "words"),
    [
        # Each bound is passed by a little; 2 % of 400 MiB are 8.
        ({"cpu_cores": 0.031}, Doing.CPU, "0.031 cores"),
        ({"received_bytes_per_s": 2001.0}, Doing.NETWORK, "received up to 2001 bytes a second"),
        ({"sent_bytes_per_s": 1001.0}, Doing.NETWORK, "sent up to 1001 bytes a second"),
        ({"memory_swing_bytes": 9.0 * (1 << 20)}, Doing.MEMORY, "moved by 9Mi"),
        ({"connections": 1.0}, Doing.CONNECTIONS, "it had 1 connections"),
    ],
)
def test_whoever_does_anything_is_not_idle(changes: dict[str, Any], doing: Doing, words: str) -> None:
    """CPU, network either way, memory, a connection: one of them is enough, and it is named with its figure."""
    found = idleness(replace(NOTHING, **changes))

    assert doing is found.doing
    assert words in found.message


@pytest.mark.parametrize(
    ("seen", "doing"),
    [
        (None, Doing.NOT_MEASURED),
        (replace(NOTHING, cpu_cores=None), Doing.NOT_MEASURED),
        (replace(NOTHING, received_bytes_per_s=None), Doing.NOT_MEASURED),
        (replace(NOTHING, sent_bytes_per_s=None), Doing.NOT_MEASURED),
        (replace(NOTHING, memory_swing_bytes=None), Doing.NOT_MEASURED),
        (replace(NOTHING, span_s=600), Doing.NOT_MEASURED),
        (replace(NOTHING, age_s=None), Doing.STALE),
        (replace(NOTHING, age_s=121), Doing.STALE),
        (replace(NOTHING, covered=0.89), Doing.STALE),
    ],
)
def test_what_is_not_measured_is_not_idle(seen: Activity | None, doing: Doing) -> None:
    """A metric that is missing, samples that are old, gaps in them, a shorter look: none of it counts as nothing."""
    assert doing is idleness(seen).doing


def test_the_young_the_restarted_and_those_not_ready_are_not_idle() -> None:
    """A start is work, and so is a wait for something; a restart starts the time anew."""
    restarted = container(running_since_s=NOW_S - 600.0)

    assert Doing.YOUNG is idleness(created_s=NOW_S - 600.0).doing
    assert Doing.YOUNG is pod_idleness(pod(restarted), NOTHING, HALF_AN_HOUR, NOW_S).doing
    assert Doing.YOUNG is pod_idleness(pod(container(running_since_s=None)), NOTHING, HALF_AN_HOUR, NOW_S).doing
    assert Doing.NOT_READY is idleness(ready=False).doing
    assert Doing.NOT_READY is idleness(terminating=True).doing


def test_a_workload_is_idle_when_all_of_its_pods_are() -> None:
    """One that works speaks for all, by name; one without pods is not known."""
    works = replace(NOTHING, cpu_cores=0.5)
    both = {"web-1": idleness(), "web-2": idleness(works)}

    assert not workload_idleness(both).idle
    assert workload_idleness(both).message.startswith("web-2: it used up to 0.500 cores")
    assert workload_idleness({"web-1": idleness()}).idle
    assert workload_idleness({name: idleness() for name in ("a", "b")}).message.startswith("all 2 pods; a: in the last")
    assert not workload_idleness({}).idle
    assert ("web-1",) == tuple(each.name for each in idle_pods(both, [pod(name="web-1"), pod(name="web-2")]))


SIGNALS = ("cpu_cores", "received_bytes_per_s", "sent_bytes_per_s", "memory_swing_bytes", "connections")


@given(st.sampled_from(SIGNALS), st.floats(0, 1e12), st.floats(0, 1e12))
def test_more_of_anything_never_makes_a_pod_idle(signal: str, less: float, more: float) -> None:
    """Whoever is not idle with so much is not idle with more."""
    low, high = sorted((less, more))

    assert idleness(replace(NOTHING, **{signal: low})).idle or not idleness(replace(NOTHING, **{signal: high})).idle
