"""The cluster's network: one bridge that carries the nodes' addresses and the pods, without masquerade."""

import json
import socket
import subprocess
from pathlib import Path

BRIDGE = "foresize0"
NODE_PREFIX = "10.88.0"
POD_NETWORK = "10.88.0.0/16"
FIRST_POD_ADDRESS = "10.88.0.30"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
CNI_NETWORK = "foresize-dev"
CNI_CACHE = Path("/var/lib/cni")  # fixed in the CNI library
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def node_address(number: int) -> str:
    """Address of the n-th node, counted from 1. The first is the machine itself, and the API server."""
    return f"{NODE_PREFIX}.{number}"


def set_up(state: Path, nodes: int) -> None:
    """Make the bridge with an address for each node, let the kernel forward, and write the CNI configuration."""
    if not exists():
        _ip("link", "add", BRIDGE, "type", "bridge")
    for number in range(1, max(nodes, 1) + 1):
        _ip("address", "replace", f"{node_address(number)}/16", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    before = state / "ip_forward"
    if not before.exists():
        before.write_text(FORWARD.read_text())
    FORWARD.write_text("1")
    _write_cni(state)


def exists() -> bool:
    """Whether the bridge is there."""
    return BRIDGE in (name for _, name in socket.if_nameindex())


def tear_down(state: Path) -> None:
    """Remove what `set_up` and kube-proxy made. What is gone already is fine."""
    if exists():
        _ip("link", "delete", BRIDGE)
    for family in ("ip", "ip6"):
        subprocess.run(["nft", "delete", "table", family, "kube-proxy"], capture_output=True, check=False, timeout=30)
    before = state / "ip_forward"
    if before.exists():
        FORWARD.write_text(before.read_text())


def cni_results(sandbox: str) -> list[Path]:
    """Files in which the CNI library remembers a pod's networks (ours and the loopback)."""
    return list(CNI_CACHE.glob(f"results/*-{sandbox}-*"))


def _write_cni(state: Path) -> None:
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_NETWORK, "rangeStart": FIRST_POD_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(state / "cni" / "addresses"),
        },
    }
    (state / "cni").mkdir(exist_ok=True)
    network = {"cniVersion": "1.0.0", "name": CNI_NETWORK, "plugins": [bridge]}
    (state / "cni" / "10-foresize.conflist").write_text(json.dumps(network))


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
