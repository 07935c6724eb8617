"""What a policy is about, as its users write it: a reference, or a selector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foresize.config.fields import Fields, Invalid

API_VERSION = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?")
KIND = re.compile(r"[A-Za-z][-A-Za-z0-9]{0,62}")
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""A DNS subdomain, as Kubernetes names workloads; it becomes part of a path, so nothing else may pass."""
LABEL = re.compile(r"[-A-Za-z0-9_./]{1,317}")
ANY = re.compile(r".*", re.DOTALL)
MOST_EXPRESSIONS = 64


@dataclass(frozen=True, slots=True)
class Ref:
    """A workload by its name, in the policy's namespace."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Target:
    """What a policy is about; one of the two is None."""

    ref: Ref | None
    selector: Mapping[str, Any] | None
    """A LabelSelector on workloads' labels, with `group_by` on pods' labels; an empty one selects all."""
    group_by: str = ""
    """A label of pods: those of one value are one workload."""
    bare_pods: bool = False
    """Whether the selector finds pods that nothing owns as well, by their own labels."""


def target(asked: Fields) -> Target:
    """What a policy is about.

    Raises:
        Invalid: it cannot be read.
    """
    if asked.given("ref") == asked.given("selector"):
        given = "both" if asked.given("ref") else "neither"
        raise Invalid(f"{asked.path} has {given} of ref and selector: must have exactly one ({{}} selects all)")
    group_by = asked.text("groupBy", LABEL, "the name of a label") if asked.given("groupBy") else ""
    bare_pods = asked.given("barePods") and asked.switch("barePods")
    if bare_pods and (group_by or not asked.given("selector")):
        raise asked.invalid("barePods", "left out where target has a ref or groupBy: a selector finds such pods")
    if asked.given("selector"):
        return Target(None, selector(asked.group("selector")), group_by, bare_pods)
    if group_by:
        raise asked.invalid("groupBy", "left out where target has a ref: it groups the pods that a selector finds")
    ref = asked.group("ref")
    return Target(
        Ref(
            api_version=ref.text("apiVersion", API_VERSION, "group/version, for example apps/v1"),
            kind=ref.text("kind", KIND, "a kind of workload such as Deployment"),
            name=ref.text("name", NAME, "the name of a workload: small letters, digits, - and ."),
        ),
        None,
    )


def selector(asked: Fields) -> dict[str, Any]:
    """The selector itself, once all of it is known to be well formed."""
    labels = asked.group("matchLabels")
    for label in labels.values:
        labels.text(label, ANY, "text")
    expressions = list(asked.rows("matchExpressions", MOST_EXPRESSIONS)) if asked.value("matchExpressions") else []
    for expression in expressions:
        expression.text("key", LABEL, "the name of a label")
        takes = expression.choice("operator", {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False})
        values = expression.value("values") or []
        if (
            not isinstance(values, list)
            or bool(values) is not takes
            or not all(isinstance(each, str) for each in values)
        ):
            raise expression.invalid(
                "values", "a list of texts with the operators In and NotIn, and left out with others"
            )
    return dict(asked.values)
