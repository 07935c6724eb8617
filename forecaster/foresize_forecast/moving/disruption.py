"""Whether a pod may be evicted now: who never is, windows, what is left of the hour's budgets. Pure.

What says no is a value with one word and a sentence; a person reads it beside what stands in the pod's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from foresize_forecast.deciding.state import Eviction, WorkloadState
from foresize_forecast.pods import PodView

HOUR_S = 3600.0
DAY_S = 86_400.0
EVERY_DAY = frozenset(range(7))
LONGEST_WINDOW_DAYS = 7
SETTLE_S = HOUR_S
"""While the replacement of a pod evicted this lately has no node, nothing else is evicted: the check of places was
wrong, or the cluster has changed."""
REST_S = HOUR_S
"""A pod that replaced one evicted this lately is not evicted for the same cause: it would go round in circles."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why a pod is not evicted.

    Attributes:
        reason: one word for programs.
        message: the same for people, with the way out where there is one.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the week in which pods may be evicted.

    Attributes:
        start_minute: of the day on which it opens, by the clocks of its zone.
        duration_s: how long it stays open, whatever the clocks do meanwhile.
        days: on which it opens; 0 is Monday.
        zone: an IANA name.
    """

    start_minute: int
    duration_s: int
    days: frozenset[int] = EVERY_DAY
    zone: str = "UTC"

    def openings_s(self, now_s: float) -> list[float]:
        """When it opens, Unix seconds, from the longest window before now to a week from now."""
        zone = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(now_s, UTC).astimezone(zone).date()
        days = (today + timedelta(days=ahead) for ahead in range(-LONGEST_WINDOW_DAYS - 1, LONGEST_WINDOW_DAYS + 2))
        hour, minute = divmod(self.start_minute, 60)
        return [
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp()
            for day in days
            if day.weekday() in self.days
        ]


@dataclass(frozen=True, slots=True)
class Disruption:
    """What a policy asks of evictions. Defaults are the CRD's, which evicts nothing.

    Attributes:
        moves: pods that cannot have their size in place are evicted (`apply.running: InPlaceOrEvict`).
        restarts_leaks: pods that leak are, before they reach their limit (`leak.action: Restart`).
        after_s: how long a pod waits for room on its node before it counts as one that cannot have its size there.
        per_hour: pods of this policy.
        windows: when; none: at any time.
        horizon_s: how far ahead leaks are looked for.
    """

    moves: bool = False
    restarts_leaks: bool = False
    after_s: int = 300
    per_hour: int = 6
    windows: tuple[Window, ...] = ()
    horizon_s: int = 86_400


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may be evicted.

    Attributes:
        cluster_per_hour: pods of all policies; 0: none ever.
        node_per_hour: pods of one node.
        workload_per_hour: pods of one workload.
        policy_per_hour: pods of one policy.
        windows: when; none: at any time.
        single_replicas: whether a workload's only replica counts as expendable without its owner's word.
        kube_system: whether the cluster's own namespaces do.
    """

    cluster_per_hour: int
    node_per_hour: int
    workload_per_hour: int
    policy_per_hour: int
    windows: tuple[Window, ...] = ()
    single_replicas: bool = False
    kube_system: bool = False


@dataclass(frozen=True, slots=True)
class Crew:
    """A workload, as far as it bears on whether it can spare a pod.

    Attributes:
        key: (namespace, `Kind/name`).
        policy: uid of its policy.
        replicas: how many pods it wants.
        pods: those that it has.
        consent: what its owner says of evictions (`foresize.dev/evict`): True also of a single replica, False never.
        rollout: what a rollout in progress waits for; empty if there is none.
        serves: whether the pod in question does: by one that dies at each start neither siblings nor a rollout gain.
    """

    key: tuple[str, str]
    policy: str
    replicas: int
    pods: tuple[PodView, ...]
    consent: bool | None = None
    rollout: str = ""
    serves: bool = True

    @property
    def placed(self) -> int:
        """Pods that have a node and are not going."""
        return sum(bool(pod.node) and not pod.terminating for pod in self.pods)


@dataclass(frozen=True, slots=True)
class Past:
    """One eviction that was made, or begun, and whose it was."""

    key: tuple[str, str]
    policy: str
    eviction: Eviction


def disruptions(key: tuple[str, str], policy: str, state: WorkloadState) -> list[Past]:
    """What is remembered of a workload's evictions; the rollout of its template counts as one."""
    made = [Past(key, policy, eviction) for eviction in state.evictions]
    written = state.template
    if written is None or written.message:
        return made
    return [*made, Past(key, policy, Eviction(written.at_s, f"template of {'/'.join(key)}", "", "", "Template"))]


KINDS_NEVER = {
    "": Held("BarePod", "it has no controller that would make another one"),
    "Node": Held("StaticPod", "a static pod is its kubelet's, and would only be shown as gone"),
    "DaemonSet": Held("DaemonSet", "a DaemonSet's pod comes back to the same node"),
    "Job": Held("Job", "a Job's pod would lose what it has done"),
}
"""By kind of its controller, why a pod is never evicted."""
SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease"})


def never(pod: PodView, crew: Crew, allowance: Allowance) -> Held | None:
    """Why a pod is not for eviction whatever the time and the budget; None where it may be."""
    kind = pod.owner.partition("/")[0]
    if kind in KINDS_NEVER:
        return KINDS_NEVER[kind]
    if pod.namespace in SYSTEM and not allowance.kube_system:
        return Held("SystemNamespace", f"{pod.namespace} is left alone: the setting --allow-kube-system is false")
    if pod.undisturbed:
        return Held("DoNotDisrupt", f"its annotation {pod.undisturbed} asks for it not to be disturbed")
    if crew.consent is False:
        return Held("NoConsent", 'its workload is marked foresize.dev/evict: "false"')
    if crew.serves and crew.replicas < 2 and not crew.consent and not allowance.single_replicas:  # noqa: PLR2004 - one more than one
        words = 'it is the only replica: mark its workload foresize.dev/evict: "true" to allow it, or run two'
        return Held("SingleReplica", words)
    return None


def not_now(pod: PodView, crew: Crew, allowance: Allowance, past: Sequence[Past], now_s: float) -> Held | None:
    """Why a pod that may be evicted has to wait; None where it need not.

    Args:
        pod: the pod.
        crew: its workload.
        allowance: of the operator and of its policy.
        past: evictions of the last hour in the whole cluster.
        now_s: Unix seconds.
    """
    if allowance.cluster_per_hour == 0:
        words = "evictions are off: the setting --evictions-per-hour is 0, by the chart's value evictions.enabled"
        return Held("EvictionsOff", words)
    if crew.serves and crew.rollout:
        return Held("RollingOut", f"a rollout is in progress: {crew.rollout}")
    others = sum(each.ready and not each.terminating for each in crew.pods if each.uid != pod.uid)
    if crew.serves and others < crew.replicas - 1:
        return Held("NotAllReady", f"{others} of its {crew.replicas - 1} other replicas are ready")
    return closed(allowance.windows, now_s) or _spent(pod, crew, allowance, past, now_s)


def closed(windows: Sequence[Window], now_s: float) -> Held | None:
    """Why no window is open; None where one is, or where none is needed."""
    if not windows or any(_is_open(window, now_s) for window in windows):
        return None
    opens_s = next_opening_s(windows, now_s)
    when = "" if opens_s is None else f"; the next one opens {_clock(opens_s)}"
    return Held("WindowClosed", f"no window of its policy is open{when}")


def no_rollout(key: tuple[str, str], policy: str, asked: Disruption, past: Sequence[Past], now_s: float) -> Held | None:
    """Why a workload's template is not written now: its rollout counts as one eviction of its policy's hour.

    Args:
        key: of the workload.
        policy: uid of its policy.
        asked: by it.
        past: evictions and rollouts of the last hour.
        now_s: Unix seconds.
    """
    if held := closed(asked.windows, now_s):
        return held
    lately = [each for each in past if each.policy == policy and now_s - each.eviction.at_s < HOUR_S]
    counted = [each for each in lately if (each.key, each.eviction.pod) != (key, "")]
    if len(counted) < asked.per_hour:
        return None
    words = f"{len(counted)} of {asked.per_hour} evictions and rollouts an hour of its policy are spent"
    return Held("BudgetSpent", words)


def next_opening_s(windows: Iterable[Window], now_s: float) -> float | None:
    """When the next window opens, Unix seconds; None without windows."""
    return min((at_s for window in windows for at_s in window.openings_s(now_s) if at_s > now_s), default=None)


def unsettled(crews: Iterable[Crew], past: Sequence[Past], now_s: float) -> Held | None:
    """Why nothing at all is evicted: a pod that was evicted lately is not back on a node."""
    lately = {each.key for each in past if now_s - each.eviction.at_s < SETTLE_S}
    for crew in crews:
        if crew.key in lately and crew.placed < crew.replicas:
            where = "/".join(crew.key)
            return Held("WaitingForReplacement", f"the replacement of an evicted pod of {where} has no node yet")
    return None


def rested(pod: PodView, cause: str, mine: Iterable[Eviction], now_s: float, rest_s: float = REST_S) -> Held | None:
    """Why a pod is not evicted for what another was evicted for already: it is that one's replacement."""
    for eviction in mine:
        rests_to_s = eviction.at_s + rest_s
        if eviction.cause == cause and now_s < rests_to_s and pod.created_s >= eviction.at_s - 1:
            words = f"it replaces {eviction.pod}, evicted for the same reason, and rests to {_clock(rests_to_s)}"
            return Held("EvictedBefore", words)
    return None


def in_vain(pods: Iterable[PodView], mine: Iterable[Eviction], now_s: float) -> Held | None:
    """Why no pod of a workload is evicted for its size: the last that was came back without it.

    Args:
        pods: the workload's.
        mine: its evictions.
        now_s: Unix seconds.
    """
    lately_s = max((each.at_s for each in mine if now_s - each.at_s < REST_S), default=None)
    if lately_s is None:
        return None
    for pod in pods:
        if pod.created_s >= lately_s - 1 and not pod.sized_at_creation:
            words = f"{pod.name}, created since the last eviction, was not sized at its creation"
            return Held("BornUnsized", f"{words}: is the admission policy, or the webhook, in place?")
    return None


def _is_open(window: Window, now_s: float) -> bool:
    return any(0 <= now_s - at_s < window.duration_s for at_s in window.openings_s(now_s))


def _spent(pod: PodView, crew: Crew, allowance: Allowance, past: Sequence[Past], now_s: float) -> Held | None:
    """Which budget has nothing left, and when it has again. An eviction counts for an hour."""
    lately = [each for each in past if now_s - each.eviction.at_s < HOUR_S and each.eviction.uid != pod.uid]
    budgets = (
        ("the cluster", allowance.cluster_per_hour, lately),
        (f"node {pod.node}", allowance.node_per_hour, [e for e in lately if e.eviction.node == pod.node]),
        ("its policy", allowance.policy_per_hour, [e for e in lately if e.policy == crew.policy]),
        ("its workload", allowance.workload_per_hour, [e for e in lately if e.key == crew.key]),
    )
    # A workload's own keeps its pods at work: one that dies at each start is not, and each doubling takes one eviction.
    for whose, most, counted in budgets if crew.serves else budgets[:-1]:
        if len(counted) >= most:
            again_s = min((each.eviction.at_s for each in counted), default=now_s) + HOUR_S
            again = f"; there is one again at {_clock(again_s)}" if most else ""
            return Held("BudgetSpent", f"{len(counted)} of {most} evictions an hour of {whose} are spent{again}")
    return None


def _clock(instant_s: float) -> str:
    return datetime.fromtimestamp(instant_s, UTC).strftime("%a %H:%MZ")
