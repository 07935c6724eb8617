"""The cluster's parts: programs built from the Go modules in dev/parts, once per version of sources and compiler.

A built program is kept outside the repository under a name that has the hash of all that went into it, so a change of
a version builds anew and an old checkout finds what it built before.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foresize_dev.places import PARTS_SOURCES, parts_cache

FETCH_DEADLINE_S = 120.0
PROGRESS_EVERY_S = 15.0  # of the lines in a log; a terminal is rewritten with each package


@dataclass(frozen=True)
class Part:
    """One program: the folder of its module in dev/parts, and the package in it or among its dependencies."""

    name: str
    package: str = "."
    stamps: tuple[str, ...] = ()  # Go packages that hold gitVersion, gitMajor and gitMinor


HYPERKUBE = Part("hyperkube", stamps=("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"))
MEMHOG = Part("memhog")
HELM = Part("helm", package="helm.sh/helm/v4/cmd/helm")
DASHCHECK = Part("dashcheck")
CERTMANAGER = Part("certmanager")
METRICS_SERVER = Part("metrics-server", package="sigs.k8s.io/metrics-server/cmd/metrics-server")
VICTORIA_METRICS = Part("victoriametrics", package="github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics")
ALL = (HYPERKUBE, MEMHOG, HELM, DASHCHECK, CERTMANAGER, METRICS_SERVER, VICTORIA_METRICS)


class BuildError(RuntimeError):
    """A part could not be built; the text has the compiler's last lines."""


def find(part: Part) -> Path | None:
    """The built program, or None when it was never built from these sources with this compiler."""
    target = _target(part)
    return target if target.is_file() else None


def find_or_build(part: Part) -> Path:
    """The built program; builds it when it is missing.

    Raises:
        BuildError: no Go, no network for its modules, or a compiler error.
    """
    target = _target(part)
    if not target.is_file():
        _build(part, target)
    return target


def build_missing(wanted: Sequence[Part] = ALL) -> dict[str, Path]:
    """Every wanted program by name, built where needed."""
    return {part.name: find_or_build(part) for part in wanted}


def module_folder(part: Part, module: str) -> Path:
    """Where the sources of a module are that goes into a part; fetches them where Go has cleaned its cache.

    Raises:
        BuildError: no Go, or no network for the module.
    """
    command = ["go", "mod", "download", "-json", module]
    folder = PARTS_SOURCES / part.name
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=FETCH_DEADLINE_S)
    told = json.loads(found.stdout or "{}")
    if "Dir" not in told:
        raise BuildError(f"fetching {module} failed: {told.get('Error', found.stderr)}")
    return Path(told["Dir"])


def _target(part: Part) -> Path:
    return parts_cache() / f"{part.name}-{_key(part)}"


def _key(part: Part) -> str:
    digest = hashlib.sha256()
    for line in (_go_version(), part.package, *_flags(part)):
        digest.update(line.encode() + b"\0")
    for source in sorted((PARTS_SOURCES / part.name).iterdir()):
        if source.name in {"go.mod", "go.sum"} or (source.suffix == ".go" and not source.stem.endswith("_test")):
            digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def _go_version() -> str:
    try:
        answer = subprocess.run(["go", "env", "GOVERSION"], check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"Go is needed to build the cluster's parts: {error}") from error
    return answer.stdout.strip()


def _flags(part: Part) -> list[str]:
    return ["-trimpath", "-ldflags", " ".join(["-s", "-w", *_version_stamps(part)])]


def _version_stamps(part: Part) -> list[str]:
    """Linker flags that tell Kubernetes its version, read from the module's requirements.

    Without them the API server says v0.0.0 and clients refuse features that are newer than that.
    """
    if not part.stamps:
        return []
    requirements = (PARTS_SOURCES / part.name / "go.mod").read_text().split()
    version = requirements[requirements.index("k8s.io/kubernetes") + 1]
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return [f"-X {package}.{name}={value}" for package in part.stamps for name, value in values.items()]


def _build(part: Part, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as folder:
        built = Path(folder) / part.name
        # -v names each package as it is compiled: that is the progress.
        command = ["go", "build", "-v", *_flags(part), "-o", str(built), part.package]
        _run_with_progress(part, command)
        built.rename(target)


def _run_with_progress(part: Part, command: list[str]) -> None:
    total = _count_packages(part)
    progress = _Progress(part.name, total)
    tail: list[str] = []
    with subprocess.Popen(
        command, cwd=PARTS_SOURCES / part.name, env=_build_environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            tail = [*tail[-19:], line.rstrip()]
            progress.compiled(line.strip())
    progress.end()
    if process.returncode != 0:
        raise BuildError(f"building {part.name} failed:\n" + "\n".join(tail))


def _count_packages(part: Part) -> int:
    """Packages that go into a part. Downloads its modules, so that the count of the compiled ones starts after it."""
    print(f"{part.name}: fetching modules", file=sys.stderr, flush=True)
    listing = subprocess.run(
        ["go", "list", "-deps", part.package],
        cwd=PARTS_SOURCES / part.name,
        env=_build_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        raise BuildError(f"fetching the modules of {part.name} failed:\n{listing.stderr[-2000:]}")
    return len(listing.stdout.splitlines())


def _build_environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0"}  # static: the same file is put into images that hold nothing else


class _Progress:
    """Packages compiled and seconds gone: one line rewritten on a terminal, a line now and then in a log."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total, self._done = name, total, 0
        self._start = self._last = time.monotonic()

    def compiled(self, line: str) -> None:
        if line.startswith(("go: ", "#")):
            return
        self._done += 1
        now = time.monotonic()
        if sys.stderr.isatty():
            print(f"\r{self._text()}", end="", file=sys.stderr, flush=True)
        elif now - self._last >= PROGRESS_EVERY_S:
            self._last = now
            print(self._text(), file=sys.stderr, flush=True)

    def end(self) -> None:
        print(f"\r{self._text()}" if sys.stderr.isatty() else self._text(), file=sys.stderr, flush=True)

    def _text(self) -> str:
        seconds = time.monotonic() - self._start
        return f"{self._name}: {self._done} of at most {self._total} packages compiled, {seconds:.0f} s"
