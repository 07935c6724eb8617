"""The operator's image from the project's Dockerfile, without a registry or a daemon: buildah in a chroot.

What the Dockerfile starts from (a slim Debian with Python) is made by debootstrap, and the packages that it installs
are fetched outside and mounted. Everything else is built as the Dockerfile says, unchanged.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from foresize_dev import machine, node
from foresize_dev.places import REPOSITORY, parts_cache

IMAGE = "localhost/foresize:dev"
SUITE = "bookworm"
SYSTEM_PACKAGES = "python3,python3-venv,python3-pip"
BUILD_TOOL = "hatchling"
SOURCES = ("Dockerfile", "requirements.lock", "pyproject.toml", "README.md", "LICENSE", "operator", "forecaster")
TIMEOUT_S = 900
# Found by pip in the chroot: the mounted packages, and no index; its Python is the base's own to change.
PIP_CONFIGURATION = "[global]\nno-index = true\nfind-links = /mnt\nbreak-system-packages = true\n"
# Of no use in a container.
DISPENSABLE = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man")
BASE = (SUITE, SYSTEM_PACKAGES, *DISPENSABLE)


class ImageError(RuntimeError):
    """The image could not be built; the text has the last lines of what was tried."""


def find() -> Path | None:
    """The archive of the image of these sources, or None when it was never built."""
    target = _target()
    return target if target.is_file() else None


def find_or_build(say: Callable[[str], None] = lambda _: None) -> Path:
    """A docker-archive of `IMAGE`, built from these sources when it is missing (two minutes, four the first time).

    Raises:
        ImageError: a program is missing, or one of the steps failed.
    """
    target = _target()
    if target.is_file():
        return target
    if absent := machine.missing_programs(machine.IMAGE_PROGRAMS):
        raise ImageError(f"no image is built, missing: {', '.join(absent)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="foresize-image-") as folder:
        _build(Path(folder), target, say)
    for other in target.parent.glob("foresize-*.tar"):
        if other != target:
            other.unlink()
    return target


def _build(work: Path, target: Path, say: Callable[[str], None]) -> None:
    say("the base: Debian and its Python")
    base = _kept(f"base-{_digest(BASE)}", _make_base)
    say("the packages of the lock")
    lock = REPOSITORY / "requirements.lock"
    wheels = _kept(f"wheels-{_digest([lock.read_text(), BUILD_TOOL, sys.version])}", _fetch_wheels)
    context, settings = work / "context", work / "pip.conf"
    for name in SOURCES:
        _copy(REPOSITORY / name, context / name)
    settings.write_text(PIP_CONFIGURATION)
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    for start in sorted(set(re.findall(r"^FROM (\S+:\S+)", dockerfile, re.MULTILINE))):
        _buildah(work, "build", "--tag", start, "--file", "-", str(base), stdin="FROM scratch\nADD base.tar /\n")
    say("the image")
    mounts = [f"--volume={wheels}:/mnt:ro", f"--volume={settings}:/etc/pip.conf:ro"]
    _buildah(work, "build", "--pull-never", *mounts, "--tag", IMAGE, str(context))
    unfinished = target.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    _buildah(work, "push", IMAGE, f"docker-archive:{unfinished}:{IMAGE}")
    unfinished.rename(target)


def _buildah(work: Path, verb: str, *arguments: str, stdin: str = "") -> None:
    isolated = ("--isolation=chroot",) if verb == "build" else ()
    places = [f"--root={work / 'store'}", f"--runroot={work / 'run'}", f"--storage-driver={_storage(work)}"]
    _run(["buildah", *places, verb, *isolated, *arguments], stdin)


def _storage(work: Path) -> str:
    """How layers are kept: `overlay` where the file system below can carry it, else `vfs`, which copies."""
    return "overlay" if node.snapshotter_for(work) == "overlayfs" else "vfs"


def _make_base(folder: Path) -> None:
    root = folder / "root"
    _run(["debootstrap", "--variant=minbase", f"--include={SYSTEM_PACKAGES}", SUITE, str(root)])
    for name in DISPENSABLE:
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    _run(["tar", "--directory", str(root), "--create", "--file", str(folder / "base.tar"), "."])
    shutil.rmtree(root)


def _fetch_wheels(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder)]
    lock = str(REPOSITORY / "requirements.lock")
    _run([*pip, "--only-binary", ":all:", "--require-hashes", "--requirement", lock])
    _run([*pip, BUILD_TOOL])


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made once under its name; others of the same kind go."""
    target = _folder() / name
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=_folder()) as unfinished:
        made = Path(unfinished) / name
        made.mkdir()
        make(made)
        made.rename(target)
    for other in _folder().glob(f"{name.partition('-')[0]}-*"):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return target


def _target() -> Path:
    texts = [*BASE, BUILD_TOOL, IMAGE, PIP_CONFIGURATION]
    for name in SOURCES:
        source = REPOSITORY / name
        files = sorted(path for path in source.rglob("*.*") if _counts(path)) if source.is_dir() else [source]
        texts += [f"{path.relative_to(REPOSITORY)}\0{path.read_text()}" for path in files]
    return _folder() / f"foresize-{_digest(texts)}.tar"


def _counts(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _folder() -> Path:
    return parts_cache().parent / "image"


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _run(command: Sequence[str], stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise ImageError(f"{' '.join(command[:4])}…:\n{said}")
