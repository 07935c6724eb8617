"""Removes every trace of a cluster: processes, mounts, control groups, network, files. Any number of times.

Works from the state folder alone, so a cluster can be removed by another process than the one that started it.
"""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from foresize_dev import cgroups, lanes, network, processes
from foresize_dev.places import STATE

STORAGE = ("etcd", "kube-apiserver")
RUNTIME_PREFIX = "containerd-"
GRACE_S = 0.5  # what they would still write is thrown away
CONTAINER_LOGS = Path("/var/log/containers")  # fixed in the kubelet
PROGRAMS = ("hyperkube", "containerd", "prometheus")
SHIM_SOCKETS = (Path("/run/containerd/s"), Path("/run/containerd"))  # fixed in containerd
BUNDLES = "*/run/io.containerd.runtime.v2.task/k8s.io/*"


def tear_down(state: Path, *, keep_logs: bool = False) -> None:
    """Remove the cluster of a state folder.

    Args:
        state: its folder; may be gone or half made.
        keep_logs: leave the folder's logs, for reading.
    """
    if not _another_runs(state):
        if state.is_dir():
            _stop_all(state)
        cgroups.remove()
        network.tear_down(state)
        _remove_container_logs(state)
    if keep_logs and state.is_dir():
        _remove_all_but_logs(state)
    else:
        shutil.rmtree(state, ignore_errors=True)
    _remove_if_empty(CONTAINER_LOGS, *([state.parent] if state.is_relative_to(STATE) else []))


def leftovers(state: Path) -> list[str]:
    """What of a cluster is still on the machine, in words."""
    found = [f"control group {group}" for group in cgroups.leftovers()]
    found += [f"process {pid}" for pid in processes.naming(f"{state}/", PROGRAMS)]
    found += [f"mount {mount}" for mount in _mounts(state)]
    found += [f"bridge {network.BRIDGE}"] if network.exists() else []
    found += [f"folder {state}"] if state.exists() else []
    return found


def _another_runs(state: Path) -> bool:
    """Whether our lane's one place for a cluster is taken by that of another folder: then nothing here is ours."""
    servers = [pid for pid in processes.naming("kube-apiserver", ("hyperkube",)) if lanes.shares_ours(pid)]
    return bool(servers) and processes.pid_of(state, "kube-apiserver") not in servers


def _stop_all(state: Path) -> None:
    strays = _strays(state)
    _stop_processes(state)
    _unmount(state)
    _remove_strays(strays)


def _stop_processes(state: Path) -> None:
    names = processes.started(state)
    runtimes = [name for name in names if name.startswith(RUNTIME_PREFIX)]
    # Kubelets and controllers first, so that nothing starts a container or a pod anew.
    processes.stop(state, [name for name in names if name not in (*runtimes, *STORAGE)], GRACE_S)
    processes.end_processes(cgroups.pids(), grace_s=0)
    processes.end_processes(processes.naming(f"{state}/", ("containerd-shim",)), grace_s=0)
    processes.stop(state, [*runtimes, *STORAGE], GRACE_S)


def _mounts(state: Path) -> list[str]:
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((target for target in targets if target.startswith(f"{state}/")), reverse=True)


def _unmount(state: Path) -> None:
    for target in _mounts(state):
        subprocess.run(["umount", "--lazy", target], capture_output=True, check=False, timeout=30)


def _strays(state: Path) -> list[Path]:
    """What containerd and CNI keep outside the configured folders: shims' sockets and results of network plugins.

    Looked for before anything is stopped: containerd forgets a shim that ends.
    """
    found = []
    for bundle in state.glob(BUNDLES):
        found += network.cni_results(bundle.name)
        with suppress(OSError):  # only the shim of a pod's sandbox has one
            found.append(Path((bundle / "address").read_text().strip().removeprefix("unix://")))
    return found


def _remove_strays(strays: list[Path]) -> None:
    for stray in strays:
        stray.unlink(missing_ok=True)
    _remove_if_empty(*SHIM_SOCKETS, network.CNI_CACHE / "results", network.CNI_CACHE)


def _remove_if_empty(*folders: Path) -> None:
    for folder in folders:
        with suppress(OSError):  # not there, or somebody else's things are in it
            folder.rmdir()


def _remove_container_logs(state: Path) -> None:
    for link in CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and str(link.readlink()).startswith(f"{state}/"):
            link.unlink(missing_ok=True)


def _remove_all_but_logs(state: Path) -> None:
    for entry in state.iterdir():
        if entry.is_dir() and entry.name != "log":
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.is_file():
            entry.unlink()
