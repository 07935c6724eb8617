"""Images without a registry: an archive with one static program, imported into a node's containerd."""

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from pathlib import Path

PAUSE = "localhost/pause:1"
MEMHOG = "localhost/memhog:1"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_workload_archive(target: Path, memhog: Path) -> None:
    """Write one archive of both images: the same layer, started by two names."""
    layer = _layer(memhog, ("pause", "memhog"))
    layer_name = "layer.tar"
    manifest, members = [], {layer_name: layer}
    for image, program in ((PAUSE, "/pause"), (MEMHOG, "/memhog")):
        config = _config(layer, program)
        config_name = hashlib.sha256(config).hexdigest() + ".json"
        members[config_name] = config
        manifest.append({"Config": config_name, "RepoTags": [image], "Layers": [layer_name]})
    members["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(target, "w") as archive:
        for name, data in members.items():
            _add(archive, name, data, 0o644)


def load(socket: Path, archive: Path, snapshotter: str) -> None:
    """Import an archive into the containerd behind `socket`, where the kubelet looks."""
    command = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import"]
    done = subprocess.run(
        [*command, "--snapshotter", snapshotter, str(archive)], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode != 0:
        raise RuntimeError(f"importing {archive.name}: {done.stderr.strip()}")


def _layer(program: Path, names: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for folder, mode in (("tmp", 0o1777), ("etc", 0o755), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            layer.addfile(entry)
        _add(layer, names[0], program.read_bytes(), 0o755)
        for name in names[1:]:
            link = tarfile.TarInfo(name)
            link.type, link.linkname, link.mode = tarfile.LNKTYPE, names[0], 0o755
            layer.addfile(link)
    return buffer.getvalue()


def _config(layer: bytes, program: str) -> bytes:
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": [program], "Env": ["PATH=/"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created_by": "foresize_dev"}],
    }
    return json.dumps(config).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))
