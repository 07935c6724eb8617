"""Label selectors, in both of their forms, against labels. The client library sends them; it does not evaluate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a LabelSelector (`matchLabels` and `matchExpressions`, all of them)."""
    exact = (selector.get("matchLabels") or {}).items()
    if any(labels.get(key) != value for key, value in exact):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or [])


def parse(text: str) -> dict[str, Any]:
    """A LabelSelector of the text form that a scale subresource gives: `app=web,tier in (a,b),!canary`.

    Raises:
        ValueError: a requirement is none of `k=v`, `k==v`, `k!=v`, `k in (..)`, `k notin (..)`, `k`, `!k`.
    """
    return {"matchExpressions": [_requirement(part) for part in _split(text)]}


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case unknown:
            raise ValueError(f"operator {unknown!r} of a selector is none of In, NotIn, Exists, DoesNotExist")


def _split(text: str) -> list[str]:
    """At the commas that are not in parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _requirement(part: str) -> dict[str, Any]:
    for sign, operator in (("!=", "NotIn"), ("==", "In"), ("=", "In")):
        key, found, value = part.partition(sign)
        if found and "(" not in key:
            return {"key": key.strip(), "operator": operator, "values": [value.strip()]}
    for word, operator in ((" notin ", "NotIn"), (" in ", "In")):
        key, found, value = part.partition(word)
        if found:
            values = [each.strip() for each in value.strip().removeprefix("(").removesuffix(")").split(",")]
            return {"key": key.strip(), "operator": operator, "values": values}
    if " " in part:
        raise ValueError(f"{part!r} is no requirement of a label selector")
    if part.startswith("!"):
        return {"key": part[1:].strip(), "operator": "DoesNotExist"}
    return {"key": part, "operator": "Exists"}
