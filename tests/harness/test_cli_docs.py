"""The page of the command line, held against the program."""

import os
import subprocess
import sys

from foresize_dev import clidocs
from foresize_dev.places import REPOSITORY

PAGE = REPOSITORY / "docs" / "command-line.md"


def test_the_page_is_what_the_program_says() -> None:
    """docs/command-line.md has every command and option, in the program's own words."""
    assert PAGE.read_text() == clidocs.markdown(), "run: python -m foresize_dev.clidocs > docs/command-line.md"


def test_every_command_is_in_the_table_of_what_writes() -> None:
    """Nobody has to guess what a command may do to a cluster."""
    table = PAGE.read_text().partition("## Which cluster")[0]

    named = [
        line.removeprefix("## foresize ").split()[0]
        for line in PAGE.read_text().splitlines()
        if line.startswith("## foresize ")
    ]
    assert [] == [name for name in named if f"`{name}`" not in table]


def ran(program: str, *arguments: str) -> str:
    """What a program of the installation prints; `program` is what its entry point runs."""
    roots = os.pathsep.join(str(REPOSITORY / root) for root in ("operator", "forecaster"))
    asked = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": roots},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return asked.stdout


def test_kubectl_completes_the_plugin() -> None:
    """What kubectl asks `kubectl_complete-foresize` is answered in cobra's words: a line each, then a directive."""
    assert ["vpa", ":4"] == ran("from foresize.cli import complete; complete()", "migrate", "").split()


def test_the_plugin_speaks_of_itself_as_one() -> None:
    """Under its name as a plugin the program tells its users what to type there."""
    program = "import sys; sys.argv[0] = '/bin/kubectl-foresize'; from foresize.cli import main; main()"

    assert "Usage: kubectl foresize doctor" in ran(program, "doctor", "--help")
