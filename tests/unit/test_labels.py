from __future__ import annotations

from typing import Any

import pytest

from foresize.config.labels import matches, parse

LABELS = {"app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "back"}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "zone", "operator": "Exists"}]}, False),
    ],
)
def test_matches(selector: dict[str, Any], *, expected: bool) -> None:
    """A selector selects what Kubernetes' own would; one without any requirement selects all."""
    assert expected == matches(selector, LABELS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app!=web", False),
        ("tier in (back, front)", True),
        ("tier notin (back,front),app", False),
        ("!zone,app", True),
        ("zone", False),
    ],
)
def test_text_form(text: str, *, expected: bool) -> None:
    """The text that a scale subresource gives selects what `kubectl get -l` would."""
    assert expected == matches(parse(text), LABELS)


def test_text_that_is_no_selector() -> None:
    """What is no selector is refused by name."""
    with pytest.raises(ValueError, match="'app web' is no requirement"):
        parse("app web")
