"""The policies that users copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from foresize.config.policy import Policy, parse

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def example(name: str) -> dict[str, Any]:
    """An example as the API server hands it on."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "examples" / name).read_text())
    loaded["metadata"]["namespace"] = "shop"
    return loaded


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_can_be_followed(path: Path) -> None:
    """Nobody copies what is refused."""
    policy = parse(example(path.name))

    assert isinstance(policy, Policy), policy


def test_the_first_policy_of_the_readme_changes_nothing() -> None:
    """What a newcomer applies first is the example that only recommends, word for word."""
    first, added = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    policy = parse(example("recommend-only.yaml"))

    assert isinstance(policy, Policy)
    assert (False, False) == (policy.in_place, policy.at_creation)
    assert yaml.safe_load((ROOT / "examples" / "recommend-only.yaml").read_text()) == yaml.safe_load(first)
    assert example("in-place.yaml")["spec"]["apply"] == yaml.safe_load(added)["apply"]
