"""The `foresize` program as a process, for the cluster's tests: with the operator's rights, or with an admin's."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from foresize_dev import accounts, helm
from foresize_dev.cluster import Cluster
from foresize_dev.operator_process import ACCOUNT, PROGRAM
from foresize_dev.places import REPOSITORY

DEADLINE_S = 110


@dataclass(frozen=True)
class Said:
    """What a run of the program came to."""

    code: int
    out: str
    err: str


def foresize(cluster: Cluster, *arguments: str, as_operator: bool = False, **environment: str) -> Said:
    """Run the program against the cluster; settings are given as `FORESIZE_PROMETHEUS_URL=...`."""
    kubeconfig = cluster.kubeconfig
    if as_operator:
        kubeconfig = accounts.write_kubeconfig(cluster.state, cluster.api, helm.NAMESPACE, ACCOUNT)
    known = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / root) for root in ("operator", "forecaster")),
        "KUBECONFIG": str(kubeconfig),
        "FORESIZE_OPERATOR_NAMESPACE": helm.NAMESPACE,
        "COLUMNS": "200",
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**known, **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)
