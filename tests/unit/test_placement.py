"""Where a pod could be scheduled: each of kube-scheduler's rules, and what is said where there is no place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import mi
from foresize_forecast.placement import (
    Board,
    Fit,
    Node,
    NodeTerm,
    NoPlace,
    Place,
    PodTerm,
    Requirement,
    Seat,
    Spread,
    Taint,
    Toleration,
    feasible,
    place,
)

WEB = (Requirement("app", "In", ("web",)),)
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


def node(name: str, mib: int = 1000, **changes: Any) -> Node:
    """A node with room for 10 pods and 2 CPUs, in a zone that is its name's first letter."""
    labels = {HOST: name, ZONE: name[0], **changes.pop("labels", {})}
    return Node(name, labels, {"memory": mi(mib), "cpu": 2000, "pods": 10}, **changes)


def seat(uid: str = "new", mib: int = 100, **changes: Any) -> Seat:
    """A pod of app web."""
    given_ = {"namespace": "shop", "labels": {"app": "web"}, "requests": {"memory": mi(mib)}, **changes}
    return Seat(uid=uid, **given_)


def fits(wanted: Seat, *nodes: Node, pods: tuple[Seat, ...] = (), **more: Any) -> list[str]:
    """Names of the nodes that a pod could be on."""
    return [name for name, why in feasible(Board(nodes, pods, **more), wanted).items() if not why]


def test_what_a_pod_asks_for_has_to_be_free() -> None:
    """Memory, CPU, any other resource and the number of pods are counted; what asks for nothing needs a seat alone."""
    full = tuple(seat(f"p{number}", 0, node="c") for number in range(10))
    held = (seat("p", 950, node="a", requests={"memory": mi(950), "cpu": 1500}), *full)
    nodes = (node("a"), node("b"), node("c"))

    assert ["b"] == fits(seat(mib=51), *nodes, pods=held)
    assert ["a", "b"] == fits(seat(mib=50), *nodes, pods=held)
    assert ["b"] == fits(seat(requests={"cpu": 501}), *nodes, pods=held)
    assert [] == fits(seat(requests={"nvidia.com/gpu": 1}), *nodes, pods=held)
    assert ["a", "b"] == fits(seat(requests={}), *nodes, pods=held)


def test_taints_and_cordons_keep_off_who_does_not_tolerate_them() -> None:
    """NoSchedule and NoExecute do, PreferNoSchedule does not; a toleration lets in by key, value and effect."""
    nodes = (
        node("cordoned", unschedulable=True),
        node("ours", taints=(Taint("team", "NoSchedule", "ours"),)),
        node("failing", taints=(Taint("down", "NoExecute"),)),
        node("rather-not", taints=(Taint("x", "PreferNoSchedule"),)),
    )
    team = Toleration("team", "Equal", "ours", "NoSchedule")

    assert ["rather-not"] == fits(seat(), *nodes)
    assert ["ours", "rather-not"] == fits(seat(tolerations=(team,)), *nodes)
    assert ["rather-not"] == fits(seat(tolerations=(Toleration("team", "Equal", "theirs"),)), *nodes)
    assert ["cordoned", "ours", "failing", "rather-not"] == fits(
        seat(tolerations=(Toleration(operator="Exists"),)), *nodes
    )


def test_node_selector_and_affinity_choose_nodes() -> None:
    """All labels of the selector, and one of the terms; numbers compare; a term without conditions is never met."""
    nodes = (node("a", labels={"disk": "ssd", "cores": "8"}), node("b", labels={"disk": "hdd", "cores": "16"}))
    more = NodeTerm((Requirement("cores", "Gt", ("8",)),))
    ssd = NodeTerm((Requirement("disk", "In", ("ssd",)),))
    named = NodeTerm((), (Requirement("metadata.name", "NotIn", ("a",)),))

    assert ["a"] == fits(seat(node_selector={"disk": "ssd"}), *nodes)
    assert ["b"] == fits(seat(node_terms=(more,)), *nodes)
    assert ["a", "b"] == fits(seat(node_terms=(more, ssd)), *nodes)
    assert ["b"] == fits(seat(node_terms=(named,)), *nodes)
    assert [] == fits(seat(node_terms=(NodeTerm(),)), *nodes)
    assert ["a"] == fits(seat(volume_terms=((ssd,),)), *nodes)
    assert [] == fits(seat(node_selector={"disk": "ssd"}, node_terms=(more,)), *nodes)


def test_pods_that_must_be_apart_are_apart() -> None:
    """Anti-affinity counts both ways, in the whole domain, and only for the namespaces it names."""
    apart = PodTerm(ZONE, WEB, frozenset({"shop"}))
    nodes = (node("a1"), node("a2"), node("b1"))
    there = (seat("old", node="a1"),)

    assert ["b1"] == fits(seat(anti_affinity=(apart,)), *nodes, pods=there)
    assert ["b1"] == fits(seat(), *nodes, pods=(seat("old", node="a1", anti_affinity=(apart,)),))
    assert ["a1", "a2", "b1"] == fits(
        seat(namespace="bank", anti_affinity=(apart,)), *nodes, pods=(seat("old", node="a1", namespace="bank"),)
    )


def test_namespaces_are_chosen_by_label_too() -> None:
    """A selector without conditions is about every namespace; one with conditions about those that meet it."""
    nodes, there = (node("a"), node("b")), (seat("old", node="a", namespace="bank"),)
    every = PodTerm(HOST, WEB, frozenset(), ())
    finance = PodTerm(HOST, WEB, frozenset(), (Requirement("dept", "In", ("finance",)),))
    labels = {"bank": {"dept": "finance"}}

    assert ["b"] == fits(seat(anti_affinity=(every,)), *nodes, pods=there)
    assert ["b"] == fits(seat(anti_affinity=(finance,)), *nodes, pods=there, namespaces=labels)
    assert ["a", "b"] == fits(seat(anti_affinity=(finance,)), *nodes, pods=there)


def test_pods_that_must_be_together_are_together() -> None:
    """Affinity leads to the domain of the others; where there are none, the first of its own kind may be anywhere."""
    nodes = (node("a1"), node("a2"), node("b1"))
    with_cache = PodTerm(ZONE, (Requirement("app", "In", ("cache",)),), frozenset({"shop"}))
    with_own = PodTerm(ZONE, WEB, frozenset({"shop"}))
    cache = seat("c", labels={"app": "cache"}, node="a2")

    assert ["a1", "a2"] == fits(seat(affinity=(with_cache,)), *nodes, pods=(cache,))
    assert [] == fits(seat(affinity=(with_cache,)), *nodes)
    assert ["a1", "a2", "b1"] == fits(seat(affinity=(with_own,)), *nodes)


def test_spread_is_kept_over_domains() -> None:
    """No domain gets more than maxSkew above the least; what is going does not count, nor do nodes it cannot be on."""
    nodes = (node("a"), node("b"))
    even = Spread(HOST, 1, WEB)
    one = (seat("1", node="a"),)

    assert ["b"] == fits(seat(spread=(even,)), *nodes, pods=one)
    assert ["a", "b"] == fits(seat(spread=(Spread(HOST, 2, WEB),)), *nodes, pods=one)
    assert ["a", "b"] == fits(seat(spread=(even,)), *nodes, pods=(seat("1", node="a", terminating=True),))
    # Node b is none of its nodes, so a is the only domain, and has one: its least.
    assert ["a"] == fits(seat(spread=(even,), node_selector={HOST: "a"}), *nodes, pods=one)
    # Two domains of three that there should be: the least is none.
    assert ["b"] == fits(seat(spread=(Spread(HOST, 1, WEB, min_domains=3),)), *nodes, pods=one)
    both = (*one, seat("2", node="b"))
    assert [] == fits(seat(spread=(Spread(HOST, 1, WEB, min_domains=3),)), *nodes, pods=both)


def test_a_host_port_is_had_once() -> None:
    """The same port and protocol of a node, on the same address or on all of them."""
    nodes = (node("a"), node("b"))
    web, local = frozenset({("0.0.0.0", "TCP", 80)}), frozenset({("127.0.0.1", "TCP", 80)})  # noqa: S104 - a pod's

    assert ["b"] == fits(seat(host_ports=web), *nodes, pods=(seat("old", node="a", host_ports=local),))
    udp = frozenset({("127.0.0.1", "UDP", 80)})
    assert ["a", "b"] == fits(seat(host_ports=udp), *nodes, pods=(seat("old", node="a", host_ports=local),))


def test_the_pod_that_leaves_makes_room_and_the_queue_goes_first() -> None:
    """The evicted pod's own place counts as free; pods that wait and matter as much take theirs before."""
    board = Board((node("a", 300),), (seat("old", 200, node="a"), seat("waits", 150)))

    assert place(Board(board.nodes, board.pods[:1]), seat(mib=300), leaving={"old"}) == Place(
        "a", ("a",), "it fits on 1 node; worst fit is a, with 0Mi left"
    )
    assert isinstance(place(board, seat(mib=300), leaving={"old"}), NoPlace)
    assert isinstance(place(board, seat(mib=300, priority=1), leaving={"old"}), Place)


def test_where_there_is_no_place_it_is_said_why() -> None:
    """Each obstacle with the number of nodes that it rules out."""
    board = Board((node("a", 60), node("b", 60), node("c", taints=(Taint("team", "NoSchedule"),))), ())

    assert place(board, seat()) == NoPlace(
        "no place for a pod that asks for 100Mi: of 3 nodes 2 has too little memory (60Mi free), "
        "1 has the taint team, which it does not tolerate"
    )
    assert place(Board((), ()), seat()) == NoPlace("no place for a pod that asks for 100Mi: of 0 nodes none")
    assert place(board, seat(unknown="its scheduler is mine")) == NoPlace(
        "whether it can be scheduled again is not known: its scheduler is mine"
    )


@pytest.mark.parametrize(("fit", "taken"), [(Fit.FIRST, "a"), (Fit.BEST, "b"), (Fit.WORST, "c")])
def test_strategies_take_the_node_that_they_say(fit: Fit, taken: str) -> None:
    """First by name, best leaves least memory, worst leaves most."""
    found = place(Board((node("c", 900), node("a", 500), node("b", 200)), ()), seat(), fit=fit)

    assert isinstance(found, Place)
    assert (taken, ("a", "b", "c")) == (found.node, found.nodes)


mibs = st.integers(0, 400)


@given(rooms=st.lists(mibs, max_size=4), held=st.lists(st.tuples(st.integers(0, 3), mibs), max_size=6), wanted=mibs)
def test_a_place_is_never_overdrawn(rooms: list[int], held: list[tuple[int, int]], wanted: int) -> None:
    """Whatever is there, a node that is offered has as much free as is asked for, and where one has, it is offered."""
    nodes = tuple(node(f"n{number}", room) for number, room in enumerate(rooms))
    pods = tuple(seat(f"p{number}", mib, node=f"n{where}") for number, (where, mib) in enumerate(held))
    free = {
        each.name: rooms[number] - sum(mib for where, mib in held if where == number)
        for number, each in enumerate(nodes)
    }
    room = sorted(name for name, mib in free.items() if mib >= wanted or wanted == 0)
    found = place(Board(nodes, pods), seat(mib=wanted))

    assert room == (list(found.nodes) if isinstance(found, Place) else [])
