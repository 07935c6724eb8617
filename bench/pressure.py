"""A node's peak on a real cluster, with Foresize and without, side by side: python bench/pressure.py [--json FILE].

Two nodes of 1 GiB; the daily peaks of two busy pods coincide on one of them, where an idle pod holds memory too. The
runs are those of `tests/cluster/test_pressure.py`, on a cluster of their own, two minutes in all; what became of
everybody is put into a table. Needs what the tests' cluster needs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = "tests/cluster/test_pressure.py"
RUNS = {
    "without Foresize": "test_without_foresize_the_kubelet_evicts_who_works",
    "with Foresize": "test_with_foresize_the_idle_pod_goes_first_and_nobody_else_notices",
}


def main(target: Path | None) -> int:
    """Run, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        chosen = [f"{TESTS}::{test}" for test in reversed(RUNS.values())]
        command = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1", f"--junit-xml={report}", *chosen]
        environment = {**os.environ, "FORESIZE_REQUIRE_CLUSTER": "1"}
        ended = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False)  # noqa: S603 - our own
        if ended.returncode:
            return ended.returncode
        told = _told(report)
    found = {title: told[test] for title, test in RUNS.items()}
    print("| | " + " | ".join(found) + " |")
    print("| --- " * (len(found) + 1) + "|")
    for name in next(iter(found.values())):
        print(f"| {name} | " + " | ".join(each[name] for each in found.values()) + " |")
    if target:
        target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _told(report: Path) -> dict[str, dict[str, str]]:
    """By test, what it recorded."""
    return {
        case.get("name", ""): {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        for case in ET.parse(report).iter("testcase")  # noqa: S314 - written by pytest just now
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=None)
    sys.exit(main(parser.parse_args().json))
