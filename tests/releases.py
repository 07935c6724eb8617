"""The chart as the cluster's tests have it, and `foresize release` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from foresize_dev import accounts, helm
from foresize_dev.cluster import Cluster
from foresize_dev.operator_process import ACCOUNT, PROGRAM
from foresize_dev.places import REPOSITORY

CHART: dict[str, Any] = {
    "operator": {"enabled": False},  # it runs as a process of this machine
    "rbac": {"templates": True, "scale": True},
    "evictions": {"enabled": True},
}


def own_kubeconfig(cluster: Cluster) -> Path:
    """A kubeconfig with the operator's own rights."""
    return accounts.write_kubeconfig(cluster.state, cluster.api, helm.NAMESPACE, ACCOUNT)


def release(cluster: Cluster, *arguments: str) -> tuple[int, str]:
    """Exit code and all that `foresize release` says, with the operator's own rights."""
    kubeconfig = own_kubeconfig(cluster)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / root) for root in ("operator", "forecaster")),
        "KUBECONFIG": str(kubeconfig),
        "FORESIZE_OPERATOR_NAMESPACE": helm.NAMESPACE,
    }
    command = [sys.executable, "-c", PROGRAM, "release", *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    return ended.returncode, ended.stdout + ended.stderr
