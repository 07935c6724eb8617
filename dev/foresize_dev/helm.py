"""Installs the project's chart, CRDs among it, with Helm, as a user would."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from foresize_dev import parts
from foresize_dev.api import Json
from foresize_dev.cluster import Cluster
from foresize_dev.places import CHART, CRDS

RELEASE = "foresize"
NAMESPACE = "foresize"
TIMEOUT_S = 180


class HelmError(RuntimeError):
    """Helm refused; the text is what it wrote."""


def install(cluster: Cluster, values: Mapping[str, Json], namespace: str = NAMESPACE, chart: Path = CHART) -> str:
    """Install the chart, or bring it up to date; waits until the API serves its CRDs."""
    command = ["upgrade", "--install", RELEASE, str(chart), "--namespace", namespace, "--create-namespace"]
    said = helm(cluster, *command, "--values", "-", stdin=json.dumps(values))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "--filename", str(CRDS))
    return said


def uninstall(cluster: Cluster, namespace: str = NAMESPACE) -> str:
    """Remove the chart; CRDs and what users made of them stay."""
    return helm(cluster, "uninstall", RELEASE, "--namespace", namespace, "--wait")


def helm(cluster: Cluster, *arguments: str, stdin: str = "") -> str:
    """Run Helm as admin of a cluster and return what it printed.

    Raises:
        HelmError: it refused.
    """
    folders = {f"HELM_{kind}_HOME": str(cluster.state / "helm" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [str(parts.find_or_build(parts.HELM)), *arguments],
        env={**os.environ, **folders, "KUBECONFIG": str(cluster.kubeconfig)},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0:
        raise HelmError(done.stderr.strip())
    return done.stdout
