"""Several clusters on one machine: each in a network namespace of its own, with its own folder and control groups.

A cluster's ports, bridge and packet rules are fixed; in a namespace they are its own. `FORESIZE_LANE` names the lane,
or the worker of pytest-xdist (`places.LANE`). Without one a cluster lives in the machine's own network, one at a time.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

from foresize_dev.places import LANE

CLONE_NEWNET = 0x40000000  # sched.h


def enter() -> None:
    """Move this thread, and what it starts, into a network namespace with a loopback of its own; no lane: nothing.

    Raises:
        OSError: the kernel refuses.
    """
    if not LANE:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"a network namespace for lane {LANE}: {os.strerror(number)}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=30)


def shares_ours(pid: int) -> bool:
    """Whether a process is in our network namespace; one that is gone is not."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        return False
