"""What this machine lacks to run a node, in words a person can act on."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from foresize_dev import cgroups, control_plane, node

PROBE_BRIDGE = "foresize-probe"
# Program -> Debian package. The programs' folders may be missing in a user's PATH.
PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
CNI_PACKAGE = "containernetworking-plugins"
HISTORY_PROGRAMS = ("prometheus", "promtool")
IMAGE_PROGRAMS = ("buildah", "debootstrap")


def missing_for_node() -> list[str]:
    """Why a cluster cannot be started here; empty when it can."""
    if not sys.platform.startswith("linux"):
        return [f"Linux (this is {sys.platform})"]
    if os.geteuid() != 0:
        return ["root (a node makes control groups, mounts and network devices)"]
    lacking = missing_programs(name for name in PROGRAMS if name not in HISTORY_PROGRAMS + IMAGE_PROGRAMS)
    if node.cni_folder() is None:
        lacking.append(f"the CNI plugins (Debian package {CNI_PACKAGE})")
    if shutil.which("go") is None:
        lacking.append("Go 1.26 or newer, to build Kubernetes (https://go.dev/dl)")
    return lacking + _missing_from_kernel()


def missing_for_prometheus() -> list[str]:
    """Why Prometheus cannot be started here; empty when it can."""
    return missing_programs(HISTORY_PROGRAMS)


def missing_programs(names: Iterable[str]) -> list[str]:
    """The programs that are not installed, each with its package."""
    return [f"{name} (Debian package {PROGRAMS[name]})" for name in names if shutil.which(name) is None]


def missing_packages() -> list[str]:
    """Debian packages to install before nothing of Debian's is missing."""
    packages = {package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    if node.cni_folder() is None:
        packages.add(CNI_PACKAGE)
    if importlib.util.find_spec("ensurepip") is None:  # Debian ships it apart from Python
        packages.add("python3-venv")
    return sorted(packages)


def busy_ports() -> list[int]:
    """Ports of the control plane on which something listens: another cluster, perhaps of the demo."""
    return [port for port in control_plane.PORTS if _listens(port)]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _missing_from_kernel() -> list[str]:
    lacking = []
    group = cgroups.memory_root() / f"{cgroups.PARENT}-probe"
    try:
        group.mkdir(exist_ok=True)
        group.rmdir()
    except OSError as error:
        lacking.append(f"writable memory control groups ({error})")
    if shutil.which("ip"):
        made = subprocess.run(
            ["ip", "link", "add", PROBE_BRIDGE, "type", "bridge"], capture_output=True, text=True, check=False
        )
        subprocess.run(["ip", "link", "delete", PROBE_BRIDGE], capture_output=True, check=False)
        if made.returncode != 0:
            lacking.append(f"bridge devices ({made.stderr.strip()})")
    if not Path("/proc/sys/net/ipv4/ip_forward").exists():
        lacking.append("IPv4 forwarding")
    return lacking
