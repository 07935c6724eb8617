"""Nodes and pods as a scheduler sees them. Values only; memory in bytes, CPU in thousandths, all else as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PODS = "pods"
"""The name under which a node's `allocatable` has how many pods it takes."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels; `operator` is one of In, NotIn, Exists, DoesNotExist, Gt, Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; one that is not understood is not met."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compares(value)
            case _:
                return False

    def _compares(self, value: str | None) -> bool:
        try:
            number, bound = int(value or ""), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return number > bound if self.operator == "Gt" else number < bound


Selector = tuple[Requirement, ...] | None
"""Conditions that all have to hold: none at all hold always; None, where no selector is given, never."""


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether labels meet a selector."""
    return selector is not None and all(each.holds(labels) for each in selector)


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node; `effect` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Toleration:
    """What lets a pod onto a tainted node; an empty key tolerates every key, an empty effect every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def tolerates(self, taint: Taint) -> bool:
        """Whether a taint is no obstacle."""
        if self.effect not in {"", taint.effect} or self.key not in {"", taint.key}:
            return False
        return self.operator == "Exists" or (self.key != "" and self.value == taint.value)


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One way to be the right node: all conditions on its labels and on its name. Without any it is never met."""

    labels: tuple[Requirement, ...] = ()
    names: tuple[Requirement, ...] = ()

    def met_by(self, node: Node) -> bool:
        """Whether a node is one of those."""
        if not self.labels and not self.names:
            return False
        fields = {"metadata.name": node.name}
        return all(each.holds(node.labels) for each in self.labels) and all(each.holds(fields) for each in self.names)


@dataclass(frozen=True, slots=True)
class PodTerm:
    """Other pods that a pod has to be beside, or may not be beside, in the same domain of a topology.

    Attributes:
        topology: the node label whose value is the domain.
        selector: of the other pods' labels.
        namespaces: of the other pods, by name.
        namespace_selector: of the other pods, by their namespaces' labels; None: by name only.
    """

    topology: str
    selector: Selector
    namespaces: frozenset[str]
    namespace_selector: Selector = None

    def means(self, other: Seat, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether it is about another pod; `namespaces` are labels by name."""
        near = other.namespace in self.namespaces
        near = near or selects(self.namespace_selector, namespaces.get(other.namespace, {}))
        return near and selects(self.selector, other.labels)


@dataclass(frozen=True, slots=True)
class Spread:
    """How evenly pods that are alike have to be spread over domains (`whenUnsatisfiable: DoNotSchedule`)."""

    topology: str
    max_skew: int
    selector: Selector
    min_domains: int = 1
    honors_affinity: bool = True
    """Nodes that the pod's node affinity rules out have no domain."""
    honors_taints: bool = False
    """Nodes that the pod does not tolerate have no domain."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node. Taints of a node that is not ready, or under pressure, are the API server's own."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    allocatable: Mapping[str, int] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """A pod: one that has a node, one that waits for one, or one that is yet to be made.

    Attributes:
        requests: what it asks of its node, by resource.
        node: where it is; empty: nowhere yet.
        node_terms: of which one has to be met by its node; None: no such condition.
        volume_terms: the same for each of its volumes.
        affinity: pods that it has to be beside.
        anti_affinity: pods that it may not be beside.
        host_ports: (address, protocol, port) on its node.
        terminating: it is going, and holds its place until then.
        gated: it is not to be scheduled yet.
        unknown: what about it cannot be told from here, so that no place can be promised; empty: nothing.
    """

    namespace: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    node: str = ""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_terms: tuple[NodeTerm, ...] | None = None
    volume_terms: tuple[tuple[NodeTerm, ...], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    spread: tuple[Spread, ...] = ()
    host_ports: frozenset[tuple[str, str, int]] = frozenset()
    priority: int = 0
    terminating: bool = False
    gated: bool = False
    unknown: str = ""

    def wants(self, node: Node) -> bool:
        """Whether its node selector and its node affinity allow a node."""
        if any(node.labels.get(key) != value for key, value in self.node_selector.items()):
            return False
        return self.node_terms is None or any(term.met_by(node) for term in self.node_terms)

    def tolerates(self, taint: Taint) -> bool:
        """Whether a taint does not keep it off a node."""
        return taint.effect == "PreferNoSchedule" or any(each.tolerates(taint) for each in self.tolerations)

    def conflicts(self, taken: frozenset[tuple[str, str, int]]) -> bool:
        """Whether a port that it wants on its node is taken."""
        return any(_same_port(mine, theirs) for mine in self.host_ports for theirs in taken)


@dataclass(frozen=True, slots=True)
class Board:
    """All nodes and pods of a cluster at one moment."""

    nodes: tuple[Node, ...]
    pods: tuple[Seat, ...]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of namespaces, by name."""


def _same_port(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    """The address 0.0.0.0 is every address."""
    everywhere = "0.0.0.0"  # noqa: S104 - compared, not bound to
    return one[1:] == other[1:] and (one[0] == other[0] or everywhere in {one[0], other[0]})
