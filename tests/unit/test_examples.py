"""The policies that users copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from foresize.config.policy import UNUSED, Policy, parse

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def example(name: str) -> dict[str, Any]:
    """An example as the API server hands it on."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "examples" / name).read_text())
    loaded["metadata"]["namespace"] = "shop"
    return loaded


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_set_only_what_is_acted_on(path: Path) -> None:
    """Nobody copies a field that does nothing."""
    policy = parse(example(path.name))

    assert isinstance(policy, Policy), policy
    assert () == policy.not_acted_on


def test_the_first_policy_of_the_readme_changes_nothing() -> None:
    """What a newcomer applies first is the example that only recommends, word for word."""
    first, added = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    policy = parse(example("recommend-only.yaml"))

    assert isinstance(policy, Policy)
    assert (False, False) == (policy.in_place, policy.at_creation)
    assert yaml.safe_load((ROOT / "examples" / "recommend-only.yaml").read_text()) == yaml.safe_load(first)
    assert example("in-place.yaml")["spec"]["apply"] == yaml.safe_load(added)["apply"]


def test_every_field_that_does_nothing_is_named_in_the_limitations() -> None:
    """A field of a policy that is accepted and ignored is written down, not found out."""
    everything = {
        "target": {"selector": {}},
        "apply": {"atCreation": True, "template": True},
        **{name: {} for name in UNUSED},
    }
    policy = parse({"metadata": {"namespace": "shop", "name": "web"}, "spec": everything})
    page = (ROOT / "docs" / "limitations.md").read_text()

    assert isinstance(policy, Policy), policy
    ignored = [path.removeprefix("spec.").partition("=")[0] for path in policy.not_acted_on]
    assert len(ignored) == len(UNUSED)
    assert [] == [path for path in ignored if not re.search(rf"`{re.escape(path)}\b", page)]
