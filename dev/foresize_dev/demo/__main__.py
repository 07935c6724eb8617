"""Plays the demo where it can be played, and a replay of recorded history where it cannot."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from foresize_dev import cluster, machine, packages
from foresize_dev.demo import current, story
from foresize_dev.places import REPOSITORY
from foresize_dev.processes import ProcessDiedError
from foresize_dev.waiting import DeadlineError

INTERRUPTED = 130


def main() -> int:
    """Play the demo; 0 if its story came true."""
    arguments = _parser().parse_args()
    try:
        if arguments.down:
            return current.take_down()
        if arguments.cluster == "current":
            return current.play(arguments.json)
        return _play_here(arguments.json)
    except KeyboardInterrupt:
        print("\ninterrupted; make demo-down removes what was started")
        return INTERRUPTED
    except cluster.MachineError as error:
        print(f"the demo does not start: {error}", file=sys.stderr)
    except (RuntimeError, OSError, subprocess.SubprocessError, DeadlineError, ProcessDiedError) as error:
        print(f"the demo stops: {error}\nmake demo-down removes what was started", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="foresize_dev.demo", description="Foresize at work, in a few minutes.")
    parser.add_argument("--json", type=Path, help="file for what was shown, as JSON")
    parser.add_argument("--cluster", choices=["own", "current"], default="own", help="default: %(default)s")
    parser.add_argument("--down", action="store_true", help="remove what the demo made in the current context")
    return parser


def _play_here(result: Path | None) -> int:
    packages.install_missing()
    lacking = [*machine.missing_for_node(), *machine.missing_for_prometheus()]
    return _replay(lacking, result) if lacking else story.play(result)


def _replay(lacking: list[str], result: Path | None) -> int:
    """What needs Python only."""
    print("This machine cannot run a node; missing: " + "; ".join(lacking))
    print("Recorded memory is replayed instead, by the same decisions:\n", flush=True)
    if result is not None:
        result.write_text(json.dumps({"replayed": True, "missing": lacking}) + "\n")
    page = Path(tempfile.gettempdir()) / "foresize-replay.html"
    command = [sys.executable, "-c", "from foresize.cli import main; main()", "replay", "--html", str(page)]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
