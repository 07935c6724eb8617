"""One node of the cluster: a containerd and a kubelet of its own, in a control group of its own.

Two kubelets must never share a containerd: each removes the pods it does not know.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from foresize_dev import cgroups, images, network, pki, processes
from foresize_dev.control_plane import SERVER
from foresize_dev.waiting import wait_for

CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
EVICTION_RESERVE_MI = 100  # memory.available at which the kubelet evicts
CONTAINERD_DEADLINE_S = 30.0
FIRST_HEALTH_PORT = 10270


@dataclass(frozen=True)
class Node:
    """What tells one node from another."""

    name: str
    number: int  # from 1
    folder: Path  # of its own, in the state folder

    @property
    def address(self) -> str:
        """Where its kubelet answers, on port 10250."""
        return network.node_address(self.number)

    @property
    def socket(self) -> Path:
        """Of its containerd."""
        return self.folder / "containerd.sock"


def make(state: Path, name: str, number: int) -> Node:
    """Make a node's folders, control group and certificate."""
    node = Node(name, number, state / name)
    for folder in ("kubelet", "pods"):
        (node.folder / folder).mkdir(parents=True, exist_ok=True)
    cgroups.make(name)
    keys = state / "pki"
    names = [f"IP:{node.address}", "IP:127.0.0.1", f"DNS:{name}"]
    pki.issue(keys, name, f"/O=system:nodes/CN=system:node:{name}", names)
    pki.write_kubeconfig(node.folder / "kubeconfig", keys, SERVER, pki.certificate_user(keys, name))
    return node


def start_runtime(state: Path, node: Node) -> None:
    """Start the node's containerd; it is not waited for."""
    config = node.folder / "containerd.toml"
    config.write_text(_containerd_config(state, node, snapshotter_for(state)))
    processes.start(state, f"containerd-{node.name}", ["containerd", "--config", config])


def load_images(state: Path, node: Node, archive: Path) -> None:
    """Wait for the node's containerd and import an archive into it."""
    name = f"containerd-{node.name}"

    def answers() -> bool:
        processes.require_alive(state, name)
        probe = ["ctr", "--address", str(node.socket), "--connect-timeout", "1s", "version"]
        return subprocess.run(probe, capture_output=True, check=False, timeout=10).returncode == 0

    wait_for(f"containerd of {node.name}", answers, CONTAINERD_DEADLINE_S)
    images.load(node.socket, archive, snapshotter_for(state))


def start_kubelet(state: Path, hyperkube: Path, node: Node, memory_bytes: int | None, housekeeping_s: int) -> None:
    """Start the node's kubelet; the node is Ready a second or two later."""
    config = node.folder / "kubelet.json"
    config.write_text(json.dumps(_kubelet_config(state, node, memory_bytes), indent=1))
    flags = [
        f"--config={config}",
        f"--kubeconfig={node.folder / 'kubeconfig'}",
        f"--root-dir={node.folder / 'kubelet'}",
        f"--cert-dir={node.folder / 'kubelet' / 'pki'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        # Deprecated, but cAdvisor looks for containers at this socket and not at the configured endpoint.
        f"--containerd={node.socket}",
        f"--housekeeping-interval={housekeeping_s}s",
    ]
    processes.start(state, f"kubelet-{node.name}", [hyperkube, "kubelet", *flags])


def snapshotter_for(state: Path) -> str:
    """`overlayfs` where the file system below can carry it, else `native`, which copies."""
    folders = [state / "overlay-probe" / name for name in ("lower", "upper", "work", "merged")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    lower, upper, work, merged = map(str, folders)
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mount = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", layers, merged], capture_output=True, check=False, timeout=30
    )
    if mount.returncode != 0:
        return "native"
    subprocess.run(["umount", merged], check=True, timeout=30)
    return "overlayfs"


def cni_folder() -> Path | None:
    """Where the CNI plugins are installed."""
    return next((folder for folder in CNI_FOLDERS if (folder / "bridge").exists()), None)


def _kubelet_config(state: Path, node: Node, memory_bytes: int | None) -> dict[str, object]:
    keys = state / "pki"
    config: dict[str, object] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "address": node.address,
        "healthzPort": FIRST_HEALTH_PORT + node.number,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(keys / f"{node.name}.crt"),
        "tlsPrivateKeyFile": str(keys / f"{node.name}.key"),
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.PARENT}/{node.name}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": ["pods"],
        "makeIPTablesUtilChains": False,  # else chains are left in the machine's iptables
        "clusterDNS": [network.node_address(1)],  # nobody answers there; unset, every pod gets a Warning event
        "clusterDomain": "cluster.local",
        "podLogsDir": str(node.folder / "pods"),
        # A full disk of the machine must neither evict pods nor delete images.
        "evictionHard": {
            "memory.available": f"{EVICTION_RESERVE_MI}Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }
    if memory_bytes is not None:
        config["systemReserved"] = {"memory": f"{_reserved_mi(memory_bytes)}Mi"}
    return config


def _reserved_mi(memory_bytes: int) -> int:
    """What to withhold so that pods may have `memory_bytes` of the machine's memory."""
    machine_mi = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    reserved = machine_mi - EVICTION_RESERVE_MI - (memory_bytes >> 20)
    if reserved < 0:
        raise ValueError(f"a node of {memory_bytes >> 20} Mi does not fit a machine of {machine_mi} Mi")
    return reserved


def _containerd_config(state: Path, node: Node, snapshotter: str) -> str:
    version = subprocess.run(["containerd", "--version"], capture_output=True, text=True, check=True, timeout=30)
    number = version.stdout.split()[2].removeprefix("v").lstrip("~")
    template = _VERSION_1 if number.startswith("1.") else _VERSION_2
    common = f"""
root = "{node.folder}/containerd"
state = "{node.folder}/run"
[grpc]
address = "{node.socket}"
[ttrpc]
address = "{node.socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "{node.folder}/opt"
"""
    return template.format(
        common=common,
        snapshotter=snapshotter,
        pause=images.PAUSE,
        cni_bin=cni_folder(),
        cni_conf=state / "cni",
        runc=node.folder / "runc",
    )


# restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox starts. netns_mounts_under_state_dir: what is mounted is
# found below the state folder at teardown.
_VERSION_1 = """version = 2{common}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{cni_bin}"
conf_dir = "{cni_conf}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{runc}"
"""
_VERSION_2 = """version = 3{common}
[plugins."io.containerd.cri.v1.images"]
snapshotter = "{snapshotter}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{cni_bin}"]
conf_dir = "{cni_conf}"
[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{runc}"
"""
