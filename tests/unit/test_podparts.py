"""From pods' samples to the histories of tiers."""

from __future__ import annotations

import numpy as np

from builders import NOW_S, mi
from foresize_forecast.prometheus.podparts import PartHistory, Splitting, parts
from foresize_forecast.prometheus.samples import Samples
from foresize_forecast.series import Grid

STEP_S = 3600
GRID = Grid(NOW_S - 5 * 24 * STEP_S, STEP_S, 5 * 24)


def samples(mib: float, hours: int = 120) -> Samples:
    """A constant use over the last hours."""
    return Samples(GRID.ends_s[-hours:].astype(float), np.full(hours, float(mi(mib))), 0)


def divided(pods: dict[str, Samples], named: dict[str, tuple[str, ...]], fewest: int = 2) -> tuple[PartHistory, ...]:
    """The parts of a workload with one container."""
    return parts({"app": pods}, GRID, 0, Splitting(named, (), fewest))


def members(found: tuple[PartHistory, ...]) -> list[list[str]]:
    """Of each part, lowest first."""
    return [sorted(each.members) for each in found]


def test_each_part_has_the_history_of_its_own_pods() -> None:
    """The hot one's 300 MiB are not in the history of the others."""
    pods = {"db-0": samples(300), "db-1": samples(100), "db-2": samples(110)}
    low, high = divided(pods, {name: (f"pod/{name}",) for name in pods})

    assert [["pod/db-1", "pod/db-2"], ["pod/db-0"]] == members((low, high))
    assert {mi(110)} == set(low.rows["app"].usage)
    assert {mi(300)} == set(high.rows["app"].usage)
    assert ({"db-1", "db-2"}, {"db-0"}) == (low.pods, high.pods)


def test_types_of_nodes_are_told_apart_before_nodes() -> None:
    """Where all nodes of a type are alike, the next one of that type is known too."""
    pods = {"a": samples(300), "b": samples(310), "c": samples(100)}
    named = {"a": ("type/big", "node/1"), "b": ("type/big", "node/2"), "c": ("type/small", "node/3")}

    assert [["type/small"], ["type/big"]] == members(divided(pods, named))


def test_nodes_are_told_apart_where_their_types_are_not_what_differs() -> None:
    """One hot node of four of its type: by type four pods would be sized for it (4 x 300 + 100), by node one."""
    pods = {"a": samples(300), "b": samples(100), "c": samples(100), "d": samples(100), "e": samples(100)}
    named = {pod: ("type/small" if pod == "e" else "type/big", f"node/{pod}") for pod in pods}

    assert [["node/b", "node/c", "node/d", "node/e"], ["node/a"]] == members(divided(pods, named))


def test_what_tells_pods_apart_stays_so() -> None:
    """By type 4 x 300 + 100, by node 2 x 300 + 2 x 280 + 100: less, but not by a tenth; what there was stays."""
    pods = {"a": samples(300), "b": samples(300), "c": samples(280), "d": samples(280), "e": samples(100)}
    named = {pod: ("type/small" if pod == "e" else "type/big", f"node/{pod}") for pod in pods}
    by_node = (
        [{"node/e"}, {"node/a", "node/b", "node/c", "node/d"}],
        [["node/e"], ["node/a", "node/b", "node/c", "node/d"]],
    )
    by_type = ([{"type/small"}, {"type/big"}], [["type/small"], ["type/big"]])
    for before, found in (by_node, by_type, ([], by_type[1])):
        assert found == members(parts({"app": pods}, GRID, 0, Splitting(named, before, 2)))


def test_containers_count_together() -> None:
    """An ordinal whose containers are all a little larger is as hot as one with a large container."""
    app = {"db-0": samples(150), "db-1": samples(60), "db-2": samples(60)}
    log = {"db-0": samples(150), "db-1": samples(40), "db-2": samples(40)}
    how = Splitting({name: (f"pod/{name}",) for name in app}, (), 3)
    low, high = parts({"app": app, "log": log}, GRID, 0, how)

    assert {"pod/db-0"} == high.members
    assert (mi(40), mi(150)) == (low.rows["log"].usage[0], high.rows["log"].usage[0])


def test_a_pod_without_a_lasting_name_is_in_no_part() -> None:
    """A pod on a node that nobody knows any more says nothing of the nodes that are there."""
    pods = {"gone": samples(800), "a": samples(300), "b": samples(100)}
    low, high = divided(pods, {"a": ("node/1",), "b": ("node/2",)})

    assert ({"b"}, {"a"}) == (low.pods, high.pods)


def test_two_days_are_too_few() -> None:
    """A replica with two days of its own is sized with all."""
    pods = {"db-0": samples(300, hours=48), "db-1": samples(100), "db-2": samples(110)}

    assert () == divided(pods, {name: (f"pod/{name}",) for name in pods})
