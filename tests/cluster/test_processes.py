import os
import subprocess
from pathlib import Path

import pytest

from foresize_dev import processes
from foresize_dev.waiting import PATIENCE, DeadlineError, wait_for


def test_stop_ends_children_too(tmp_path: Path) -> None:
    """A program that is stopped leaves none of its children behind, not even one that ignores being asked."""
    script = "trap '' TERM; sleep 300 & echo $! >\"$0/child\"; wait"
    processes.start(tmp_path, "parent", ["sh", "-c", script, f"{tmp_path}/"])
    child = wait_for("the child's pid", lambda: int((tmp_path / "child").read_text()), 5)
    processes.stop(tmp_path, ["parent"], grace_s=0.2)

    wait_for("the child to be gone", lambda: not processes.is_alive(child), 5)
    assert (processes.pid_of(tmp_path, "parent"), processes.started(tmp_path)) == (None, [])


def test_stop_spares_a_reused_pid(tmp_path: Path) -> None:
    """A pid file that is older than the process which now has the number does that process no harm."""
    (tmp_path / "pid").mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (tmp_path / "pid" / "etcd").write_text(f"{stranger.pid}\n")
        processes.stop(tmp_path, ["etcd"])

        assert stranger.poll() is None
        stranger.kill()


def test_daemon_holds_no_file_of_its_caller(tmp_path: Path) -> None:
    """A pipe or a lock that the caller would pass on is closed in a daemon: nobody waits for it in vain."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003 - how Python spells it
    processes.start(tmp_path, "daemon", ["sh", "-c", "sleep 60", f"{tmp_path}/"])
    os.close(writer)

    assert os.read(reader, 1) == b""  # the end of the pipe: would wait 60 s if the daemon had it open
    os.close(reader)
    processes.stop(tmp_path, ["daemon"])


def test_a_wait_says_what_it_saw_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that fails names what was waited for, how long, and what the last look found."""
    monkeypatch.setenv(PATIENCE, "2")
    with pytest.raises(DeadlineError, match=r"waited 0\.2 s for the moon; last seen: LookupError\('no moon'\)"):
        wait_for("the moon", _no_moon, 0.1, every_s=0.05)


def _no_moon() -> bool:
    raise LookupError("no moon")
