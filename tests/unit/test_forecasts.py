"""What a MemoryForecast shows of one look at a workload."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW_S, container, forecasted, mi, pod, recent, size
from foresize.reporting.forecasts import MAX_ROWS, Look, status_of, time_to_limit
from foresize_forecast.deciding.state import WorkloadState
from foresize_forecast.forecasting.outlook import NoOutlook, Score, Shape, ShapeKind
from foresize_forecast.heaps import Heap, Runtime
from foresize_forecast.moving.idle import Doing, Idleness
from foresize_forecast.pods import Kill
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.runs.digest import Pace
from foresize_forecast.runs.nextrun import RunHistory, upcoming
from foresize_forecast.sizes import QosClass, Size, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Apart, Observation, review

PLAN = upcoming(RunHistory(Pace(60), 1.0, ()), NOW_S, 3600)


def look(
    forecasts: dict[str, Forecasted | NoOutlook] | None = None,
    template: dict[str, Size] | None = None,
    state: WorkloadState | None = None,
    **changes: Any,
) -> Look:
    """A look at one pod that has its template's sizes."""
    sizes = template or {"app": size(64, 128)}
    views = [container(name, present) for name, present in sizes.items()]
    seen = Observation(NOW_S, (pod(*views),), {}, sizes, QosClass.BURSTABLE)
    known = forecasts if forecasts is not None else {"app": forecasted([100.0] * 12)}
    found = review(state or WorkloadState(), seen, known, WorkloadPolicy())
    return replace(Look(seen, found, known, applies=True), **changes)


def row(one: Look, number: int = 0) -> dict[str, Any]:
    """A container's row."""
    found: dict[str, Any] = status_of(one)["containers"][number]
    return found


def test_the_same_look_says_the_same() -> None:
    """A status has no clock reading of its own, or it would be written at each tick."""
    assert status_of(look()) == status_of(look())


def test_the_container_that_weighs_most_is_in_front() -> None:
    """`kubectl get memoryforecasts` shows the largest of a pod's containers."""
    template = {"app": size(200, 400), "proxy": size(20, 40)}

    assert "app" == status_of(look(template=template))["summary"]["container"]


def test_a_hundred_containers_are_enough() -> None:
    """More are not shown: an object must stay readable, and below what etcd takes."""
    template = {f"c{number:03}": size(64, 128) for number in range(150)}

    assert MAX_ROWS == len(status_of(look(template=template))["containers"]) == 100


def test_quantities_are_whole() -> None:
    """Sizes are quantities that Kubernetes can read: no fraction, no exponent, MiB where it divides."""
    shown = row(look({"app": forecasted([100.7] * 12)}))

    # 100.7 MiB are shown rounded up to a whole MiB.
    assert ("101Mi", "64Mi", "128Mi") == (shown["peak"], shown["request"], shown["limit"])
    assert all(value.isalnum() for name, value in shown.items() if name.startswith(("wanted", "template", "peakLow")))


def test_what_is_not_known_is_left_out() -> None:
    """No forecast: no peak, no model, no `null`; the state says so."""
    status = status_of(look({"app": NoOutlook("NoSamples", "none")}))

    assert "NoForecast" == status["summary"]["state"]
    assert {"peak", "model", "plan", "lastChange", "kills", "blocked"}.isdisjoint(status["containers"][0])
    assert None not in status["containers"][0].values()


def test_no_container_is_named() -> None:
    """A policy that names none of a workload's containers shows that, and no row."""
    nothing = replace(look(), review=replace(look().review, verdicts={}))

    assert {"summary": {"state": "NoContainer"}, "containers": []} == status_of(nothing)


def test_states_in_one_word() -> None:
    """Sized, recommended only, left alone and why, or what is in the way."""
    refused = {"web-abc-1": Blocked(Obstacle.REFUSED, "no")}
    looks = [look(), look(applies=False), look(quiet="Paused"), look(blocked=refused)]

    assert ["Sized", "Recommended", "Paused", str(Obstacle.REFUSED)] == [
        status_of(each)["summary"]["state"] for each in looks
    ]


def test_kills_and_what_is_in_the_way() -> None:
    """Each kill with its time and limit, and the first obstacle in its own words."""
    state = WorkloadState().with_container(
        "app", replace(WorkloadState().container("app"), kills=(Kill(NOW_S - 60, mi(128)), Kill(NOW_S, None)))
    )
    shown = row(look(state=state, blocked={"web-abc-1": Blocked(Obstacle.REFUSED, "exceeded quota")}))

    # 1_800_000_000 is 2027-01-15T08:00:00Z.
    assert [{"at": "2027-01-15T07:59:00Z", "limit": "128Mi"}, {"at": "2027-01-15T08:00:00Z"}] == shown["kills"]
    assert {"reason": str(Obstacle.REFUSED), "message": "exceeded quota"} == shown["blocked"]


def test_figures_of_the_backtest() -> None:
    """Rounded, so that they drift as seldom as they mean something."""
    score = Score(hours=167.96, cost_bytes=mi(210) + 1.0, coverage=0.98765, slack=0.2, exceedances=1.23456)
    shown = row(look({"app": forecasted([100.0] * 12, score=score)}))

    # A byte over 210 MiB is 211 MiB: sizes are whole MiB from 128 on, rounded up.
    said = {"hours": 168.0, "cost": "211Mi", "coverage": 0.9877, "slack": 0.2, "exceedances": 1.23}
    assert said == shown["backtest"]


def test_a_heap_that_bounds_itself_is_told() -> None:
    """In its row, in the words of the flag."""
    heap = Heap(Runtime.JVM, "-Xmx512m", cap_bytes=mi(512))
    plain = look()
    pods = (pod(container("app", size(64, 128), heap=heap)),)

    assert heap.words == row(replace(plain, seen=replace(plain.seen, pods=pods)))["heap"]
    assert "heap" not in row(plain)


def test_a_hot_replica_is_told() -> None:
    """Its name and node, beside what is typical; runs are at different points of their work, and none is hot."""
    plain = look()
    pods = tuple(pod(container("app", size(64, 512)), name=f"web-abc-{n}", node=f"node-{n}") for n in range(3))
    samples = {(f"web-abc-{n}", "app"): recent([used]) for n, used in enumerate((80, 300, 100))}
    busy = replace(plain, seen=replace(plain.seen, pods=pods, recent=samples))

    assert {"pod": "web-abc-1", "node": "node-1", "usage": "300Mi", "typical": "100Mi"} == row(busy)["hot"]
    assert "hot" not in row(plain)
    assert "hot" not in row(replace(busy, plans={"app": PLAN}))


def parted(*members: tuple[str, ...]) -> Look:
    """A look at pods web-abc-0 and up of which some are apart, with as many pods as tiers."""
    plain = look()
    pods = tuple(pod(container("app", size(64, 128 * (n + 1))), name=f"web-abc-{n}") for n in range(len(members)))
    apart = tuple(
        Apart(names, frozenset({f"web-abc-{n}"}), plain.review, {"app": forecasted([100.0] * 12)})
        for n, names in enumerate(members)
    )
    return replace(plain, seen=replace(plain.seen, pods=pods), review=replace(plain.review, apart=apart))


def test_replicas_that_are_sized_apart_are_told() -> None:
    """A row for each tier, with what its own pods have; nobody is called hot then."""
    low, high = status_of(parted(("pod/b", "pod/c"), ("pod/a",)))["parts"]

    assert ("app", "pod/b, pod/c", 1, "128Mi") == (low["name"], low["of"], low["pods"], low["limit"])
    assert ("pod/a", "256Mi", "128Mi") == (high["of"], high["limit"], high["wantedLimit"])
    assert "parts" not in status_of(look())
    assert "hot" not in row(parted(("pod/b",), ("pod/c",), ("pod/a",)))


def test_of_many_replicas_some_are_named_and_of_many_rows_a_hundred_are_shown() -> None:
    """An object must stay below what etcd takes, whatever a DaemonSet has."""
    many = status_of(parted(tuple(f"node/{n}" for n in range(30)), *((f"pod/{n}",) for n in range(120))))

    assert many["parts"][0]["of"].endswith("node/9 and 20 more")
    assert MAX_ROWS == len(many["parts"]) + len(many["containers"])


def test_growth_is_told_of_what_grows() -> None:
    """10 MiB a day; only a leak is told when it meets its limit."""
    rate = mi(10) / 86_400
    growing = row(look({"app": forecasted([100.0] * 12, shape=Shape(ShapeKind.GROWING, growth_bytes_per_s=rate))}))
    shrinking = row(look({"app": forecasted([100.0] * 12, shape=Shape(ShapeKind.FLAT, growth_bytes_per_s=-rate))}))

    assert "10Mi" == growing["growthPerDay"]
    assert "timeToLimit" not in growing
    assert "growthPerDay" not in shrinking


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (5, 15, "3h (2h to 6h)"),
        (0, 15, "3h (2h or more)"),
        (8, 10, "3h"),
        (0, 0, "3h"),
    ],
)
def test_the_time_to_a_leaks_limit_has_an_interval(low: float, high: float, told: str) -> None:
    """30 MiB below its limit at 10 MiB an hour: 3 hours, 2 at the fastest rate that is likely and 6 at the slowest."""
    shape = Shape(ShapeKind.LEAKING, *(mi(1) * rate / 3600 for rate in (10, low, high)))
    forecast = forecasted([100.0] * 12, shape=shape)

    assert told == time_to_limit(forecast.outlook, size(64, 130))


def test_whether_it_does_nothing_is_told_with_the_figures() -> None:
    """One pod that works speaks for all of them; without any look at them nothing is said."""
    works, waits = Idleness(Doing.CPU, "it used up to 0.5 cores"), Idleness(Doing.IDLE, "at most 0.001 cores")
    told = status_of(look(doing={"a": waits, "b": works}))["idle"]

    assert {"idle": False, "reason": "UsesCpu", "message": "b: it used up to 0.5 cores", "pods": 1} == told
    assert status_of(look(doing={"a": waits}))["idle"]["idle"]
    assert "idle" not in status_of(look())
