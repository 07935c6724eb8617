"""Runs all tests: those that wait for a cluster, on three clusters, and beside them those that compute.

`python -m foresize_dev.tiers PYTHON`. A test on a cluster leaves two cores idle for two thirds of its time. What the
cluster's tests print is shown as it comes, what the others print when they have ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from foresize_dev import leastrights
from foresize_dev.waiting import PATIENCE

CLUSTER = "tests/cluster"
# A file stays on its cluster, and files start in the order of tests/cluster/conftest.py.
LANES = ("--numprocesses=3", "--dist=loadfile", "--no-loadscope-reorder")
POLITE = ("nice", "-n", "10")
"""The computing ones give way: on the cluster seconds count."""
WAITS = "3"
"""Four programs share two cores: what comes in time on a machine of its own may take so many times as long."""
TIMEOUT = "--timeout=360"
"""Of one test: waits have deadlines of their own, and what computes gives way to what waits."""


def main(python: str) -> int:
    """Run both.

    Returns:
        0 where both passed.
    """
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryDirectory() as calls:
        others = subprocess.Popen(
            [*POLITE, python, "-m", "pytest", f"--ignore={CLUSTER}", "-p", "no:cacheprovider", TIMEOUT],
            stdout=told,
            stderr=subprocess.STDOUT,
        )
        try:
            asked = [python, "-m", "pytest", CLUSTER, *LANES, TIMEOUT]
            given = {**os.environ, PATIENCE: WAITS, leastrights.FOLDER: calls}
            cluster = subprocess.run(asked, check=False, env=given).returncode
            rights = compared(python, Path(calls), cluster)
            waited = others.wait()
        finally:
            others.kill()
        told.seek(0)
        print(told.read())
    print(f"tests: {CLUSTER} {_word(cluster)}, all others {_word(waited)}")
    return 1 if cluster or waited or rights else 0


def compared(python: str, calls: Path, cluster: int) -> int:
    """Whether the chart grants what the clusters' tests asked for and no more; of a part of them that is not known."""
    if cluster or not any(calls.iterdir()):
        print("rights: not compared with what was asked for, because not all tests on clusters ran and passed")
        return 0
    return subprocess.run([python, "-m", "foresize_dev.leastrights", str(calls)], check=False).returncode


def _word(code: int) -> str:
    return f"failed ({code})" if code else "passed"


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1]))))
