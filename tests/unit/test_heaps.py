"""Heaps that a process bounds by itself: read from its flags, and what a limit does for them."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW_S, evidence, forecasted, mi, size
from foresize.cluster.heapflags import heap_of
from foresize_forecast.deciding.choices import Evidence
from foresize_forecast.deciding.decide import Verdict, decide
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.heaps import Heap, Runtime
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted

JVM_512 = Heap(Runtime.JVM, "-Xmx512m", cap_bytes=mi(512))
LATE_S = NOW_S - 90_000.0


def container(*args: str, command: list[str] | None = None, **environment: str) -> dict[str, Any]:
    """A container with these arguments, command and environment."""
    env = [{"name": name, "value": value} for name, value in environment.items()]
    return {"name": "app", "args": list(args), "command": command or [], "env": env}


def decided(seen: Evidence, forecast: Forecasted | NoOutlook, **changes: Any) -> Verdict:
    """One decision, a day after anything else happened."""
    known = ContainerState(request_needed_at_s=LATE_S, limit_changed_at_s=LATE_S)
    return decide(known, seen, forecast, (WorkloadPolicy(), ContainerPolicy(**changes)), NOW_S)[0]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (container("-Xmx512m", "-jar", "app.jar", command=["java"]), JVM_512),
        (container("-XX:MaxHeapSize=1g"), Heap(Runtime.JVM, "-XX:MaxHeapSize=1g", cap_bytes=mi(1024))),
        (container(JAVA_TOOL_OPTIONS="-Xms64m -Xmx1024k"), Heap(Runtime.JVM, "-Xmx1024k", cap_bytes=mi(1))),
        (container(JAVA_OPTS="-Xmx268435456"), Heap(Runtime.JVM, "-Xmx268435456", cap_bytes=mi(256))),
        (container("-Xmx$(HEAP)", HEAP="512m"), JVM_512),
        (container(command=["sh", "-c", "exec java -Xmx512m -jar app.jar"]), JVM_512),
        (container("--max-old-space-size=512"), Heap(Runtime.NODE, "--max-old-space-size=512", cap_bytes=mi(512))),
        (
            container(NODE_OPTIONS="--max_old_space_size=96 --trace-gc"),
            Heap(Runtime.NODE, "--max_old_space_size=96", cap_bytes=mi(96)),
        ),
        (container(GOMEMLIMIT="750MiB"), Heap(Runtime.GO, "GOMEMLIMIT=750MiB", cap_bytes=mi(750))),
        (container(GOMEMLIMIT="1048576"), Heap(Runtime.GO, "GOMEMLIMIT=1048576", cap_bytes=mi(1))),
        (
            container(JDK_JAVA_OPTIONS="-XX:MaxRAMPercentage=75.0"),
            Heap(Runtime.JVM, "-XX:MaxRAMPercentage=75.0", share=0.75),
        ),
        (container("-jar", "app.jar", command=["/usr/bin/java"]), Heap(Runtime.JVM, "its default", share=0.25)),
    ],
)
def test_flags_tell_how_far_a_heap_goes(made: dict[str, Any], expected: Heap) -> None:
    """Wherever they are given: command, arguments, environment, or a variable in an argument."""
    assert expected == heap_of(made)


def test_the_flag_that_the_jvm_obeys_counts() -> None:
    """A later one before an earlier, the command line before JAVA_TOOL_OPTIONS, _JAVA_OPTIONS before both."""
    both = container("-Xmx512m", "-Xmx256m", JAVA_TOOL_OPTIONS="-Xmx1g")
    over = container("-Xmx256m", _JAVA_OPTIONS="-Xmx512m")
    fixed = container("-XX:MaxRAMPercentage=80", "-Xmx512m")

    assert [mi(256), mi(512), mi(512)] == [heap.cap_bytes for each in (both, over, fixed) if (heap := heap_of(each))]


@pytest.mark.parametrize(
    "made",
    [
        container("-Xmx", "-Xmxfoo", "-Xmx9x"),
        container(GOMEMLIMIT="off"),
        container(GOMEMLIMIT="1.5GiB"),
        container("-Xmx0"),
        container("-Xmx99999999999999t"),
        container("--max-old-space-size=$(UNKNOWN)"),
        {
            "name": "app",
            "env": [{"name": "GOMEMLIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}],
        },
        {"name": "app"},
    ],
)
def test_what_cannot_be_read_is_no_flag(made: dict[str, Any]) -> None:
    """No guess is made from it."""
    assert heap_of(made) is None


@pytest.mark.parametrize(("limit_mib", "expected_mib"), [(1100, 1100), (900, 1127)])
def test_a_rise_is_not_followed_where_the_heap_is_fixed(limit_mib: float, expected_mib: float) -> None:
    """512 MiB of heap and as much beside it: what rises to 4000 MiB is followed up to 1024 MiB of level, no further.

    With 1100 that is held already. From 900 it is 1024 with a tenth of head room, 1126.4 MiB, rounded up: 1127.
    """
    rising = evidence(size(400, limit_mib), usage_mib=800, rising_bytes=mi(4000), heap=JVM_512)
    found = decided(rising, forecasted([800.0] * 12)).target.limit_bytes

    assert mi(expected_mib) == found


def test_a_limit_is_not_lowered_below_a_fixed_heap() -> None:
    """60 MiB are used of a heap of 512: the process believes in the rest, and limits cost nothing; new pods too."""
    seen = evidence(size(300, 800), usage_mib=60, heap=JVM_512)
    found = decided(seen, forecasted([60.0] * 12))

    assert mi(512) == found.target.limit_bytes
    assert found.creation is not None
    assert mi(512) == found.creation.limit_bytes


def test_a_heap_above_its_limit_raises_nothing() -> None:
    """A heap of 512 MiB under a limit of 200 is its owner's mistake: nothing has shown a need yet."""
    seen = evidence(size(100, 200), usage_mib=150, heap=JVM_512)

    assert mi(200) == decided(seen, forecasted([150.0] * 12)).target.limit_bytes


def test_a_size_that_is_paid_for_follows_use() -> None:
    """Where the limit is the request, a heap of 512 MiB of which 60 are used costs what is used."""
    seen = evidence(size(800, 800), usage_mib=60, heap=JVM_512)

    assert mi(400) == decided(seen, forecasted([60.0] * 12), limit=LimitStrategy.EQUAL_REQUEST).target.limit_bytes


def test_people_are_told_what_a_limit_does_for_a_heap() -> None:
    """In a sentence: useless above, of use after a restart, or soft."""
    assert "JVM heap of at most 512Mi (-Xmx512m): a limit above 1024Mi gives it nothing" == JVM_512.words
    share = Heap(Runtime.JVM, "-XX:MaxRAMPercentage=75.0", share=0.75)
    assert "JVM takes up to 75% of the limit at its start (-XX:MaxRAMPercentage=75.0)" == share.words
    soft = Heap(Runtime.GO, "GOMEMLIMIT=750MiB", cap_bytes=mi(750))
    assert "Go heap of at most 750Mi (GOMEMLIMIT=750MiB): collected hard above it" == soft.words
