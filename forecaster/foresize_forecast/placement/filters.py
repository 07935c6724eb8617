"""What keeps a pod off a node: kube-scheduler's filters, in its order.

Source: kubernetes pkg/scheduler/framework/plugins (nodeunschedulable, tainttoleration, nodeaffinity, nodeports,
noderesources/fit, volumebinding, podtopologyspread, interpodaffinity), v1.36.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from foresize_forecast.placement.board import PODS, Board, Node, PodTerm, Seat, Spread, Taint, selects
from foresize_forecast.sizes import in_mebibytes

CORDON = Taint("node.kubernetes.io/unschedulable", "NoSchedule")
"""What an unschedulable node is to a pod that tolerates it."""
Domain = tuple[str, str]
"""Topology key and its value."""


class Occupancy:
    """What pods hold of their nodes; pods may be added."""

    def __init__(self, pods: Iterable[Seat]) -> None:
        self.pods: list[Seat] = []
        self._held: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._ports: defaultdict[str, frozenset[tuple[str, str, int]]] = defaultdict(frozenset)
        for pod in pods:
            self.add(pod)

    def add(self, pod: Seat) -> None:
        """A pod takes its place."""
        self.pods.append(pod)
        if pod.node:
            self._held[pod.node].update({**pod.requests, PODS: 1})
            self._ports[pod.node] |= pod.host_ports

    def free(self, node: Node, resource: str) -> int:
        """What a node has left; nothing of what it does not have."""
        return node.allocatable.get(resource, 0) - self._held[node.name][resource]

    def ports(self, node: Node) -> frozenset[tuple[str, str, int]]:
        """Ports that are taken on a node."""
        return self._ports[node.name]


@dataclass(frozen=True, slots=True)
class Filters:
    """Everything about the other pods that bears on one pod, worked out once for all nodes."""

    seat: Seat
    occupancy: Occupancy
    forbidden: frozenset[Domain]
    """Domains with a pod that the seat may not be beside, or that may not be beside it."""
    beside: frozenset[Domain] | None
    """Domains with the pods that it has to be beside; None where there are none anywhere and it would be the first."""
    spreads: tuple[tuple[Spread, Mapping[str, int], int], ...]
    """Each spread with its pods by domain, and the fewest of all domains."""

    def obstacle(self, node: Node) -> str:
        """Why the seat cannot be on a node, in words that follow "a node"; empty where it can."""
        return next((why for why in self._obstacles(node) if why), "")

    def _obstacles(self, node: Node) -> Iterator[str]:
        seat = self.seat
        if node.unschedulable and not seat.tolerates(CORDON):
            yield "is cordoned"
        for taint in node.taints:
            if not seat.tolerates(taint):
                yield f"has the taint {taint.key}{f'={taint.value}' if taint.value else ''}, which it does not tolerate"
        if not seat.wants(node):
            yield "is ruled out by its node selector or node affinity"
        if seat.conflicts(self.occupancy.ports(node)):
            yield "has its host port taken"
        yield self._short(node)
        if not all(any(term.met_by(node) for term in terms) for terms in seat.volume_terms):
            yield "cannot reach its volume"
        yield self._skewed(node)
        yield self._apart(node)

    def _short(self, node: Node) -> str:
        if self.occupancy.free(node, PODS) < 1:
            return "takes no more pods"
        for resource, wanted in sorted(self.seat.requests.items(), key=lambda each: each[0] != "memory"):
            free = self.occupancy.free(node, resource)
            if wanted > max(0, free):
                told = f" ({in_mebibytes(max(0, free))} free)" if resource == "memory" else ""
                return f"has too little {resource}{told}"
        return ""

    def _skewed(self, node: Node) -> str:
        for spread, counts, least in self.spreads:
            domain = node.labels.get(spread.topology)
            if domain is None:
                return f"lacks the label {spread.topology} of its topology spread"
            itself = selects(spread.selector, self.seat.labels)
            if counts.get(domain, 0) + itself - least > spread.max_skew:
                return f"has too many like it for its topology spread over {spread.topology}"
        return ""

    def _apart(self, node: Node) -> str:
        if any((key, value) in self.forbidden for key, value in node.labels.items()):
            return "is ruled out by pod anti-affinity"
        for term in self.seat.affinity:
            value = node.labels.get(term.topology)
            if value is None or (self.beside is not None and (term.topology, value) not in self.beside):
                return "has no pod that its pod affinity asks for"
        return ""


def filters(board: Board, occupancy: Occupancy, seat: Seat) -> Filters:
    """What bears on a seat where other pods are as they are."""
    nodes = {node.name: node for node in board.nodes}
    placed = [(pod, nodes[pod.node]) for pod in occupancy.pods if pod.node in nodes]
    return Filters(
        seat,
        occupancy,
        frozenset(_forbidden(seat, placed, board.namespaces)),
        _beside(seat, placed, board.namespaces),
        tuple(_counted(spread, seat, board.nodes, placed) for spread in seat.spread),
    )


def _forbidden(
    seat: Seat, placed: list[tuple[Seat, Node]], namespaces: Mapping[str, Mapping[str, str]]
) -> Iterator[Domain]:
    for pod, node in placed:
        for term in pod.anti_affinity:
            if term.topology in node.labels and term.means(seat, namespaces):
                yield term.topology, node.labels[term.topology]
        for term in seat.anti_affinity:
            if term.topology in node.labels and term.means(pod, namespaces):
                yield term.topology, node.labels[term.topology]


def _beside(
    seat: Seat, placed: list[tuple[Seat, Node]], namespaces: Mapping[str, Mapping[str, str]]
) -> frozenset[Domain] | None:
    """A pod counts where it is meant by all terms at once, as kube-scheduler has it."""
    if not seat.affinity:
        return None

    def meant(pod: Seat) -> bool:
        return all(term.means(pod, namespaces) for term in seat.affinity)

    found = {
        (term.topology, node.labels[term.topology])
        for pod, node in placed
        if meant(pod)
        for term in seat.affinity
        if term.topology in node.labels
    }
    return None if not found and meant(seat) else frozenset(found)


def _counted(
    spread: Spread, seat: Seat, nodes: Iterable[Node], placed: list[tuple[Seat, Node]]
) -> tuple[Spread, Mapping[str, int], int]:
    """Pods that are alike, by domain; domains are those of nodes with the labels of all of its spreads."""
    counts = {
        node.labels[spread.topology]: 0
        for node in nodes
        if all(each.topology in node.labels for each in seat.spread) and _counts(spread, seat, node)
    }
    for pod, node in placed:
        alike = pod.namespace == seat.namespace and not pod.terminating and _alike(spread, pod)
        if alike and all(each.topology in node.labels for each in seat.spread) and _counts(spread, seat, node):
            counts[node.labels[spread.topology]] += 1
    least = 0 if len(counts) < spread.min_domains else min(counts.values(), default=0)
    return spread, counts, least


def _counts(spread: Spread, seat: Seat, node: Node) -> bool:
    """Whether a node belongs to a domain at all."""
    if spread.honors_affinity and not seat.wants(node):
        return False
    return not spread.honors_taints or all(seat.tolerates(taint) for taint in node.taints)


def _alike(spread: Spread, pod: Seat) -> bool:
    """A selector without conditions counts nobody, though it is about everybody."""
    return bool(spread.selector) and selects(spread.selector, pod.labels)


def terms_with_namespace_selector(pods: Iterable[Seat]) -> Iterator[PodTerm]:
    """Terms for which the labels of namespaces have to be known."""
    for pod in pods:
        yield from (term for term in (*pod.affinity, *pod.anti_affinity) if term.namespace_selector)
