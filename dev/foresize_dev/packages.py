"""Installs the Debian packages that a node and the tests need: names them first, asks on a terminal."""

import os
import shutil
import subprocess
import sys

from foresize_dev import machine

APT = ["apt-get", "--yes", "--quiet", "--no-install-recommends"]


def install_missing() -> bool:
    """Install what is missing; True when nothing is missing at the end.

    What is not installed is not an error: the tiers and the demo say themselves what they cannot do without it.
    """
    wanted = machine.missing_packages()
    if not wanted:
        return True
    print(f"Debian packages that are missing: {' '.join(wanted)}")
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print("They cannot be installed from here: that takes apt-get and root.")
        return False
    if not _agreed():
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", *wanted]):
        done = subprocess.run([*APT, *arguments], env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            print(f"apt-get {arguments[0]} failed.")
            return False
    return not machine.missing_packages()


def _agreed() -> bool:
    if os.environ.get("CI") or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return input("Install them with apt-get? [Y/n] ").strip().lower() in {"", "y", "yes"}
