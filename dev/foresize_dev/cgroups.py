"""Control groups of the cluster: one parent for all nodes, in version 1 (a tree per controller) or 2 (one tree)."""

from contextlib import suppress
from pathlib import Path

from foresize_dev.places import NAME

ROOT = Path("/sys/fs/cgroup")
PARENT = NAME
REMOVAL_ROUNDS = 3  # a group may go only after the kernel has let go of its last process
UNLIMITED_BYTES = 1 << 62  # version 1 writes "no limit" as the largest whole number of pages


def is_v2() -> bool:
    """Whether the machine has the one tree of version 2."""
    return (ROOT / "cgroup.controllers").exists()


def controller_roots() -> list[Path]:
    """Trees in which a node's group has to exist."""
    if is_v2():
        return [ROOT]
    trees = {folder.resolve() for folder in ROOT.iterdir() if (folder / "cgroup.procs").exists()}
    return sorted(tree for tree in trees if not (tree / "cgroup.controllers").exists())


def memory_root() -> Path:
    """The tree that limits memory."""
    return ROOT if is_v2() else ROOT / "memory"


def make(node: str) -> str:
    """Make a node's group in every tree; returns its path below a tree, as the kubelet wants it."""
    if is_v2():
        with suppress(OSError):  # in a container the root has processes; what is on already may then be enough
            _open_to_children(ROOT)
    for root in controller_roots():
        for group in (root / PARENT, root / PARENT / node):
            group.mkdir(exist_ok=True)
            _open_to_children(group)
    return f"/{PARENT}/{node}"


def _open_to_children(group: Path) -> None:
    if is_v2():
        available = (group / "cgroup.controllers").read_text().split()
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in available))
        return
    for file in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group of version 1, and then no process may enter
        with suppress(FileNotFoundError):
            (group / file).write_text((group.parent / file).read_text())


def pids() -> list[int]:
    """Processes in the groups of all nodes."""
    files = (memory_root() / PARENT).rglob("cgroup.procs")
    return sorted({int(pid) for file in files for pid in _read(file).split()})


def remove() -> None:
    """Remove the groups of all nodes, leaves first."""
    trees = [folder / PARENT for folder in ([ROOT] if is_v2() else ROOT.iterdir())]
    for _ in range(REMOVAL_ROUNDS):
        for tree in (tree for tree in trees if tree.is_dir()):
            groups = sorted((path for path in tree.rglob("*") if path.is_dir()), reverse=True)
            for group in (*groups, tree):
                with suppress(OSError):
                    group.rmdir()


def leftovers() -> list[Path]:
    """Groups that are still there."""
    return [folder / PARENT for folder in (ROOT, *ROOT.iterdir()) if (folder / PARENT).is_dir()]


def container_group(container_id: str) -> Path:
    """The group of a container, by the id in its status (with or without `containerd://`).

    Raises:
        LookupError: no such group: the container is not running.
    """
    wanted = container_id.rpartition("/")[2]
    for group in (memory_root() / PARENT).rglob(wanted):
        return group
    raise LookupError(f"no control group of container {wanted}")


def memory_limit_bytes(group: Path) -> int | None:
    """What the kernel holds a group to; None where it has no limit."""
    text = (group / ("memory.max" if is_v2() else "memory.limit_in_bytes")).read_text().strip()
    return None if text == "max" or int(text) >= UNLIMITED_BYTES else int(text)


def memory_used_bytes(group: Path) -> int:
    """What the kernel counts against the limit, page cache included."""
    return int((group / ("memory.current" if is_v2() else "memory.usage_in_bytes")).read_text())


def memory_resident_bytes(group: Path) -> int:
    """Anonymous memory alone, of a group without children."""
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int(stat["anon" if is_v2() else "rss"])


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
