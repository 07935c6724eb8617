"""What a pass found, as metrics.

Gauges tell what is now: what is no longer managed disappears, and a scrape in between misses nothing. Counters of a
container begin at 0, so that the first kill is seen as an increase.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from prometheus_client import Gauge
from prometheus_client.metrics import MetricWrapperBase

from foresize import metrics
from foresize.reporting.forecasts import Look, present, wanted
from foresize.reporting.parties import parties
from foresize_forecast.forecasting.outlook import ShapeKind
from foresize_forecast.pods import ResizePhase
from foresize_forecast.reasons import Obstacle, Reason
from foresize_forecast.sizes import Size
from foresize_forecast.sizing.plan import Forecasted

SIZES = (metrics.REQUEST, metrics.LIMIT, metrics.WANTED_REQUEST, metrics.WANTED_LIMIT)
OF_CONTAINERS = (
    *SIZES,
    metrics.USAGE,
    metrics.PODS,
    metrics.SAVED,
    metrics.EXCESS,
    metrics.FORECAST,
    metrics.PEAK,
    metrics.PEAK_AT,
    metrics.MODEL,
    metrics.BACKTEST_COST,
    metrics.BASELINE_COST,
    metrics.COVERAGE,
    metrics.SLACK,
    metrics.LEAKING,
    metrics.LEAK_LEFT,
    metrics.NO_FORECAST,
)
OF_FLEET = (
    metrics.BLOCKED,
    metrics.CONTAINERS,
    metrics.NAMESPACE_REQUESTED,
    metrics.NAMESPACE_SAVED,
    metrics.NAMESPACE_EXCESS,
    metrics.RESIZE_PENDING,
    metrics.IDLE,
)
OF_POLICIES = (metrics.BUDGET, metrics.BUDGET_LEFT, metrics.BUDGET_SHARE)
OF_NODES = (
    metrics.NODE_DEMAND,
    metrics.NODE_ROOM,
    metrics.NODE_RISK,
    metrics.NODE_MISSING,
    metrics.NODE_REACHED,
    metrics.NODE_STRANDED,
)
ELSEWHERE = (metrics.EVICTIONS_HELD, metrics.POLICIES, *OF_NODES)
Labels = tuple[str, ...]
Values = dict[Gauge, dict[Labels, float]]

_lock = Lock()
_shown: dict[MetricWrapperBase, set[Labels]] = {}


@dataclass(frozen=True, slots=True)
class Dealt:
    """A policy's budget, as it was dealt out.

    Attributes:
        policy: (namespace, name).
        budget_bytes: what all its requests may be.
        requested_bytes: what they are.
        share: the least that a workload gets of what it wants, from 0 to 1.
    """

    policy: tuple[str, str]
    budget_bytes: int
    requested_bytes: int
    share: float


@dataclass(frozen=True, slots=True)
class _Container:
    """One container of a look."""

    labels: Labels
    look: Look

    @property
    def name(self) -> str:
        return self.labels[2]

    @property
    def forecast(self) -> Forecasted | None:
        found = self.look.forecasts.get(self.name)
        return found if isinstance(found, Forecasted) else None

    @property
    def leaks(self) -> bool:
        return self.forecast is not None and self.forecast.outlook.shape.kind is ShapeKind.LEAKING

    @property
    def wish(self) -> Size:
        return wanted(self.look.review.verdicts[self.name], self.look)

    def sizes(self) -> list[Size]:
        """Of its pods."""
        return [view.size for pod in self.look.seen.pods if (view := pod.container(self.name)) is not None]

    def requested_bytes(self) -> int:
        """By all its pods."""
        return sum(size.request_bytes or 0 for size in self.sizes())

    def less(self, size: Size) -> int | None:
        """A request, for all its pods, less what they have; None where there is no such request."""
        return None if size.request_bytes is None else size.request_bytes * len(self.sizes()) - self.requested_bytes()

    def saved_bytes(self) -> int | None:
        """What its owner's template would request more than is requested."""
        return self.less({**self.look.seen.template, **self.look.owners}.get(self.name, Size(None, None)))

    def excess_bytes(self) -> int | None:
        """What is requested more than is wanted, by each replica with what it should have."""
        alone = [_Container(self.labels, each) for each in parties(self.look)]
        missing = [each.less(each.wish) for each in alone if self.name in each.look.review.verdicts]
        known = [each for each in missing if each is not None]
        return -sum(known) if known else None


def export(looks: Mapping[tuple[str, str], Look], most: int, budgets: Sequence[Dealt] = ()) -> None:
    """Show what the last pass found.

    Args:
        looks: at each workload.
        most: containers that have metrics of their own: those that leak first, then by what they request.
        budgets: of policies that have one.
    """
    containers = [_Container((*key, name), look) for key, look in looks.items() for name in look.review.verdicts]
    told = sorted(containers, key=lambda each: (not each.leaks, -each.requested_bytes(), each.labels))[:most]
    values: Values = {gauge: {} for gauge in (*OF_CONTAINERS, *OF_FLEET, *OF_POLICIES)}
    for each in told:
        for gauge, value in _facts(each):
            if value is not None:
                values[gauge][each.labels] = value
        _add_forecast(values, each)
    _add_fleet(values, containers, looks)
    for dealt in budgets:
        left = dealt.budget_bytes - dealt.requested_bytes
        for gauge, value in zip(OF_POLICIES, (dealt.budget_bytes, left, dealt.share), strict=True):
            values[gauge][dealt.policy] = value
    for gauge, wish in values.items():
        show(gauge, wish)
    metrics.LEFT_OUT.set(len(containers) - len(told))
    _count_from_zero({each.labels for each in told}, set(looks))


def forget() -> None:
    """Tell nothing of the cluster any more: another operator does."""
    for gauge in (*OF_CONTAINERS, *OF_FLEET, *OF_POLICIES, *ELSEWHERE):
        show(gauge, {})
    for single in (metrics.DECREASES_STOPPED, metrics.LEFT_OUT, metrics.EVICTIONS_LEFT):
        single.set(0)


def show(gauge: Gauge, values: Mapping[Labels, float]) -> None:
    """Make a gauge tell these values by labels, and no others."""
    with _lock:
        for labels, value in values.items():
            gauge.labels(*labels).set(value)
        _keep(gauge, set(values))


def _facts(each: _Container) -> Iterator[tuple[Gauge, float | None]]:
    """What is known of any container."""
    look, target = each.look, each.look.review.verdicts[each.name].target
    now = present(each.name, look.seen)
    sizes = (now.request_bytes, now.limit_bytes, target.request_bytes, target.limit_bytes)
    yield from zip(SIZES, sizes, strict=True)
    used = (recent.usage_bytes for of, recent in look.seen.recent.items() if of[1] == each.name)
    yield metrics.USAGE, max(used, default=None)
    yield metrics.PODS, len(each.sizes())
    yield metrics.SAVED, each.saved_bytes()
    yield metrics.EXCESS, each.excess_bytes()
    if (forecast := each.forecast) is None:
        return
    outlook, own, other = forecast.outlook, forecast.outlook.score, forecast.outlook.baseline_score
    yield metrics.FORECAST, outlook.level_at(look.seen.now_s)
    yield metrics.PEAK, forecast.peak_bytes
    yield metrics.PEAK_AT, outlook.peak_at_s
    yield metrics.LEAKING, float(each.leaks)
    if each.leaks and now.limit_bytes is not None and outlook.shape.growth_bytes_per_s > 0:
        room = max(0.0, now.limit_bytes - float(outlook.level[0]))
        yield metrics.LEAK_LEFT, room / outlook.shape.growth_bytes_per_s
    if own is not None:
        yield from ((metrics.BACKTEST_COST, own.cost_bytes), (metrics.COVERAGE, own.coverage))
        yield metrics.SLACK, own.slack
    if other is not None:
        yield metrics.BASELINE_COST, other.cost_bytes


def _add_forecast(values: Values, each: _Container) -> None:
    """Which model, or why none."""
    found = each.look.forecasts.get(each.name)
    if isinstance(found, Forecasted):
        values[metrics.MODEL][*each.labels, found.outlook.model, str(found.outlook.shape.kind)] = 1
    elif found is not None and each.name not in each.look.plans:
        values[metrics.NO_FORECAST][*each.labels, found.reason] = 1


def _add_fleet(values: Values, containers: Sequence[_Container], looks: Mapping[tuple[str, str], Look]) -> None:
    """Sums, over every container."""
    reasons: Counter[Labels] = Counter({(str(reason),): 0 for reason in Reason})
    sums: dict[Gauge, defaultdict[Labels, float]] = {gauge: defaultdict(float) for gauge in OF_FLEET[2:5]}
    for each in containers:
        reasons[str(each.look.review.verdicts[each.name].reason),] += 1
        within = (each.labels[0],)
        parts = (each.requested_bytes(), each.saved_bytes() or 0, each.excess_bytes() or 0)
        for (_, summed), part in zip(sums.items(), parts, strict=True):
            summed[within] += part
    values |= {gauge: dict(summed) for gauge, summed in sums.items()}
    values[metrics.CONTAINERS] = dict(reasons)
    blocked = (str(each.obstacle) for look in looks.values() for each in look.blocked.values())
    counted = Counter(blocked)
    values[metrics.BLOCKED] = {(str(obstacle),): counted[str(obstacle)] for obstacle in Obstacle}
    idle = Counter({key[0]: 0 for key in looks})
    idle.update(key[0] for key, look in looks.items() for each in look.doing.values() if each.idle)
    values[metrics.IDLE] = {(namespace,): count for namespace, count in idle.items()}
    waits = values[metrics.RESIZE_PENDING]
    for key, look in looks.items():
        for pod in look.seen.pods:
            if pod.resize.phase is not ResizePhase.NONE and pod.resize.since_s is not None:
                labels = (*key, str(pod.resize.phase))
                waits[labels] = max(waits.get(labels, 0.0), look.seen.now_s - pod.resize.since_s)


def _count_from_zero(told: set[Labels], workloads: set[tuple[str, str]]) -> None:
    """Counters of what is managed, begun before there is anything to count; those of what is gone, gone."""
    with _lock:
        for counter, labelled in ((metrics.KILLS, told), (metrics.UNSIZED, workloads)):
            for labels in labelled:
                counter.labels(*labels)
            _keep(counter, set(labelled))


def _keep(metric: MetricWrapperBase, labelled: set[Labels]) -> None:
    """Drop what was shown before and is not now."""
    for labels in _shown.get(metric, set()) - labelled:
        metric.remove(*labels)
    _shown[metric] = labelled
