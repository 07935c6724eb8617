"""What the tree must and must not hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
MACHINE_PATH = re.compile(rb"(?<![\w.$}-])/(work|root|home)/[\w.]")
ADDRESS_OF_PACKAGES = re.compile(
    rb"(index[-_]url|find[-_]links|goproxy|gonosumdb|goprivate|npm_config_registry)[\"']?\s*[=: ]\s*[\"']?https?://",
    re.IGNORECASE,
)


def tracked() -> list[Path]:
    """All files under version control that are there."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so nothing says which files are tracked")
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True, timeout=30)
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def imported(path: Path) -> Iterator[str]:
    """The first part of each module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("root", ["operator", "forecaster", "dev"])
def test_source_roots_are_no_packages(root: str) -> None:
    """A package named `operator` would hide the standard library's module from every program started here."""
    assert (ROOT / root).is_dir()
    assert not (ROOT / root / "__init__.py").exists()


def test_operator_is_the_standard_librarys() -> None:
    """`import operator`, anew and in the root of the checkout, gives Python's own."""
    program = "import sys; del sys.modules['operator']; import operator; print(operator.__file__)"

    found = subprocess.run(
        [sys.executable, "-c", f"import operator; {program}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert sysconfig.get_paths()["stdlib"] == str(Path(found.stdout.strip()).parent)


def test_every_test_says_what_it_promises() -> None:
    """A test without a docstring is a test nobody can judge."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert [] == silent


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    """A checkout works wherever it is put."""
    assert [] == [
        f"{path.relative_to(ROOT)}: {found[0].decode()}"
        for path in tracked()
        if (found := MACHINE_PATH.search(path.read_bytes()))
    ]


def test_no_tracked_file_says_where_packages_come_from() -> None:
    """Whoever builds this uses their own mirrors: none is written down, and the locks hold names and hashes alone."""
    named = [path for path in tracked() if ADDRESS_OF_PACKAGES.search(path.read_bytes())]
    locked = [path for path in tracked() if path.suffix == ".lock" and b"://" in path.read_bytes()]

    assert [] == [str(path.relative_to(ROOT)) for path in named + locked]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_hold_what_the_project_asks_for(lock: str) -> None:
    """What is installed from a lock is within the project's own bounds: `make lock` was not forgotten."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"] + (project["dependency-groups"]["dev"] if "dev" in lock else [])
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))

    outside = [
        line
        for line in asked
        if (name := canonicalize_name((wish := Requirement(line)).name)) not in locked
        or not wish.specifier.contains(locked[name], prereleases=True)
    ]

    assert [] == outside


def test_unit_tests_need_python_alone() -> None:
    """The quickest tier runs on any machine: it never reaches for the harness that builds and boots a cluster."""
    to_look_at = sorted(TESTS.glob("unit/*.py"))
    seen: set[Path] = set()
    reaching = []
    while to_look_at:
        path = to_look_at.pop()
        names = set(imported(path))
        seen.add(path)
        to_look_at += [local for name in names if (local := TESTS / f"{name}.py").exists() and local not in seen]
        reaching += [str(path.relative_to(ROOT))] if "foresize_dev" in names else []

    assert [] == reaching
