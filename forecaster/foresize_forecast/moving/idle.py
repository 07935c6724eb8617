"""Whether a pod does nothing: by its CPU, its network, its memory and, where they are measured, its connections. Pure.

All of them must say so, for all of the policy's time; what is not measured says nothing of the kind. The shape `Idle`
of a forecast is another matter: it names a curve of memory that did not move for a day, as that of a busy cache may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from foresize_forecast.pods import PodView
from foresize_forecast.sizes import in_mebibytes

CPU_CORES = 0.03
"""A pod that is faster than this works. This and the next two are Google's for idle machines (Compute Engine, "How
detection of idle VM instances works"): there 95 to 97 % of the time has to stay below, here every few minutes."""
RECEIVED_BYTES_PER_S = 2000.0
SENT_BYTES_PER_S = 1000.0
"""A probe every 10 s is some 100 bytes a second either way, a scrape of 10 KiB every 30 s some 350."""
MEMORY_SHARE = 0.02
"""Of its highest: a process that waits moves less, one that reads files with little CPU and no network moves more."""
MEMORY_BYTES = 4 << 20
"""... or so much, for a small process: 2 % of 50 MiB is what one garbage collection leaves behind."""
COVERED = 0.9
"""Share of the moments at which something must have been measured: a scrape that fails is no reason to know nothing."""
MAX_AGE_S = 120.0
"""A pod whose newest sample is older may be at work by now. The operator's own bound for lowering memory."""
MINUTE_S = 60


class Doing(StrEnum):
    """What a pod does, or why that is not known. CamelCase, because status and metrics show it."""

    IDLE = "Idle"
    CPU = "UsesCpu"
    NETWORK = "UsesNetwork"
    MEMORY = "MemoryMoves"
    CONNECTIONS = "HasConnections"
    YOUNG = "Young"
    NOT_READY = "NotReady"
    NOT_MEASURED = "NotMeasured"
    STALE = "StaleEvidence"


class IdleAction(StrEnum):
    """What happens to what does nothing."""

    REPORT = "Report"
    EVICT = "Evict"
    SCALE_TO_ZERO = "ScaleToZero"


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """What a policy asks of the idle. Defaults are the CRD's, which only reports.

    Attributes:
        after_s: how long one has to do nothing.
        action: what happens then.
    """

    after_s: int = 1800
    action: IdleAction = IdleAction.REPORT


@dataclass(frozen=True, slots=True)
class Activity:
    """What was measured of a pod in a span of time that ends now. None: not measured.

    Attributes:
        span_s: how long that is.
        covered: share of its moments at which CPU was measured.
        age_s: of the newest sample.
        cpu_cores: the highest rate of a few minutes.
        received_bytes_per_s: the same, of all its network interfaces together.
        sent_bytes_per_s: the same.
        memory_high_bytes: its highest working set.
        memory_swing_bytes: from the lowest to the highest, of each container, added up.
        connections: the most established TCP connections; most clusters do not measure it.
    """

    span_s: float
    covered: float = 0.0
    age_s: float | None = None
    cpu_cores: float | None = None
    received_bytes_per_s: float | None = None
    sent_bytes_per_s: float | None = None
    memory_high_bytes: float | None = None
    memory_swing_bytes: float | None = None
    connections: float | None = None


@dataclass(frozen=True, slots=True)
class Idleness:
    """Whether somebody does nothing, and how one knows.

    Attributes:
        doing: one word.
        message: the same for people, with the figures.
    """

    doing: Doing
    message: str

    @property
    def idle(self) -> bool:
        """Whether nothing is done."""
        return self.doing is Doing.IDLE


def pod_idleness(pod: PodView, activity: Activity | None, after_s: float, now_s: float) -> Idleness:
    """Whether a pod has done nothing for all of a span of time.

    Args:
        pod: as it is now.
        activity: what was measured of it; None: nothing.
        after_s: the span.
        now_s: Unix seconds.
    """
    if not pod.ready or pod.terminating:
        return Idleness(Doing.NOT_READY, "it is not ready: it starts, ends or is broken")
    since_s = [pod.created_s, *(view.running_since_s or now_s for view in pod.containers)]
    lives_s = now_s - max(since_s)
    if lives_s < after_s:
        return Idleness(Doing.YOUNG, f"it runs for {_span(lives_s)}, and has to do nothing for {_span(after_s)}")
    return _unknown(activity, after_s) or _at_work(activity) or Idleness(Doing.IDLE, _told(activity))


def workload_idleness(of_pods: Mapping[str, Idleness]) -> Idleness:
    """Whether all of a workload's pods do nothing; of several that do something the first by name is told.

    Args:
        of_pods: by pod name.
    """
    if not of_pods:
        return Idleness(Doing.NOT_MEASURED, "it has no pod")
    for name, each in sorted(of_pods.items()):
        if not each.idle:
            return Idleness(each.doing, each.message if len(of_pods) == 1 else f"{name}: {each.message}")
    first = min(of_pods)
    alone = of_pods[first].message
    return Idleness(Doing.IDLE, alone if len(of_pods) == 1 else f"all {len(of_pods)} pods; {first}: {alone}")


def idle_pods(of_pods: Mapping[str, Idleness], pods: Sequence[PodView]) -> tuple[PodView, ...]:
    """The pods that do nothing."""
    return tuple(pod for pod in pods if pod.name in of_pods and of_pods[pod.name].idle)


def _unknown(activity: Activity | None, after_s: float) -> Idleness | None:
    """Why what was measured does not tell; None where it does."""
    if activity is None or activity.span_s < after_s:
        return Idleness(Doing.NOT_MEASURED, "nothing is measured of its CPU and network")
    measured = {
        "CPU": activity.cpu_cores,
        "network": activity.received_bytes_per_s,
        "network sent": activity.sent_bytes_per_s,
        "memory": activity.memory_swing_bytes,
        "memory's height": activity.memory_high_bytes,
    }
    if missing := [name for name, value in measured.items() if value is None]:
        return Idleness(Doing.NOT_MEASURED, f"nothing is measured of its {missing[0]}")
    if activity.age_s is None or activity.age_s > MAX_AGE_S:
        age = "too old" if activity.age_s is None else f"{activity.age_s:.0f} s old"
        return Idleness(Doing.STALE, f"the newest sample is {age}")
    if activity.covered < COVERED:
        return Idleness(Doing.STALE, f"it was measured for {activity.covered:.0%} of the last {_span(activity.span_s)}")
    return None


def _at_work(activity: Activity | None) -> Idleness | None:
    """What it does; None where it does nothing."""
    if activity is None:
        return None
    span = _span(activity.span_s)
    if (cores := activity.cpu_cores or 0.0) > CPU_CORES:
        return Idleness(Doing.CPU, f"it used up to {cores:.3f} cores in the last {span}; {CPU_CORES:g} counts as none")
    for way, rate, most in (
        ("received", activity.received_bytes_per_s or 0.0, RECEIVED_BYTES_PER_S),
        ("sent", activity.sent_bytes_per_s or 0.0, SENT_BYTES_PER_S),
    ):
        if rate > most:
            words = f"it {way} up to {rate:.0f} bytes a second in the last {span}; {most:.0f} count as none"
            return Idleness(Doing.NETWORK, words)
    if (swing := activity.memory_swing_bytes or 0.0) > _still(activity):
        return Idleness(Doing.MEMORY, f"its memory moved by {in_mebibytes(swing)} in the last {span}")
    if activity.connections:
        return Idleness(Doing.CONNECTIONS, f"it had {activity.connections:.0f} connections in the last {span}")
    return None


def _still(activity: Activity) -> float:
    return max(MEMORY_BYTES, MEMORY_SHARE * (activity.memory_high_bytes or 0.0))


def _told(activity: Activity | None) -> str:
    """What is behind the word, for people."""
    if activity is None:
        return ""
    received, sent = activity.received_bytes_per_s or 0.0, activity.sent_bytes_per_s or 0.0
    told = "not measured" if activity.connections is None else "none"
    return (
        f"in the last {_span(activity.span_s)} at most {activity.cpu_cores or 0.0:.3f} cores, "
        f"{received:.0f} bytes a second received and {sent:.0f} sent, "
        f"memory moved by {in_mebibytes(activity.memory_swing_bytes or 0.0)}, connections {told}"
    )


def _span(span_s: float) -> str:
    return f"{span_s:.0f} s" if span_s < 2 * MINUTE_S else f"{span_s / MINUTE_S:.0f} minutes"
