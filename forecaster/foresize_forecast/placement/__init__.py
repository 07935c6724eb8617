"""Where a pod could be scheduled on the nodes that there are, by the rules of kube-scheduler's default plugins. Pure.

Asked before an eviction: a pod that could not be scheduled again is not evicted.
"""

from foresize_forecast.placement.board import (
    Board,
    Node,
    NodeTerm,
    PodTerm,
    Requirement,
    Seat,
    Selector,
    Spread,
    Taint,
    Toleration,
)
from foresize_forecast.placement.place import Fit, NoPlace, Place, feasible, place

__all__ = [
    "Board",
    "Fit",
    "NoPlace",
    "Node",
    "NodeTerm",
    "Place",
    "PodTerm",
    "Requirement",
    "Seat",
    "Selector",
    "Spread",
    "Taint",
    "Toleration",
    "feasible",
    "place",
]
