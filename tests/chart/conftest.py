"""Fixtures of the chart's tests: Helm, and what it makes of the chart without a cluster."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from foresize_dev import parts
from foresize_dev.places import CHART

Json = dict[str, Any]
Render = Callable[..., list[Json]]
MUTATING_POLICY = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
HELM_TIMEOUT_S = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.chart)


@pytest.fixture(scope="session")
def helm() -> Callable[..., str]:
    """Runs Helm; raises CalledProcessError with what it wrote."""
    program = _built()

    def run(*arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [str(program), *arguments], input=stdin, capture_output=True, text=True, check=True, timeout=HELM_TIMEOUT_S
        )
        return done.stdout

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., str]) -> Render:
    """The chart's manifests: `render({"operator": {"enabled": False}})`, as of an API server that has `apis`."""

    def manifests(values: Json | None = None, apis: str = MUTATING_POLICY) -> list[Json]:
        command = ["template", "foresize", str(CHART), "--namespace", "foresize", "--values", "-"]
        capabilities = ["--api-versions", apis] if apis else []
        rendered = helm(*command, *capabilities, stdin=json.dumps(values or {}))
        return [manifest for manifest in yaml.safe_load_all(rendered) if manifest]

    return manifests


def _built() -> Path:
    try:
        found = parts.find(parts.HELM)
    except parts.BuildError as error:
        pytest.skip(str(error))
    if found is None:
        pytest.skip("no helm here: it is built by `make parts`")
    return found
