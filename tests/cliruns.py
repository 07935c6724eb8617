"""The command line in the tests' own process, and a cluster of made-up objects for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from apiserver import serving
from foresize.cli import app
from foresize.config.settings import FIELDS
from objectserver import Objects


def said(*arguments: str, **environment: str) -> Result:
    """What `foresize` says to these arguments, and its exit code, in a terminal that is wide enough."""
    cleared = {each.env: "" for each in FIELDS}
    return CliRunner().invoke(app, arguments, env={**cleared, "TERMINAL_WIDTH": "200", "COLUMNS": "200", **environment})


@contextmanager
def cluster(objects: Objects, directory: Path) -> Iterator[str]:
    """The path of a kubeconfig for a server that holds these objects."""
    with serving(objects.answer) as api:
        path = directory / "kubeconfig"
        names: dict[str, Any] = {"context": {"cluster": "test", "user": "test"}, "name": "test"}
        config = {
            "current-context": "test",
            "contexts": [names],
            "clusters": [{"name": "test", "cluster": {"server": api.client.configuration.host}}],
            "users": [{"name": "test", "user": {}}],
        }
        path.write_text(json.dumps(config))
        yield str(path)
