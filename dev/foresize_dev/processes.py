"""Long-running programs of a cluster: started detached, known by pid files in the state folder, stopped by them.

A pid is only ever signalled when the process still names the state folder in its command line or environment: pids are
reused, and after a crash the files may be old.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

TERM_GRACE_S = 5.0
STANDARD_ERROR = 2
LOG_TAIL_LINES = 15


class ProcessDiedError(Exception):
    """A program ended while it was waited for; the text has the last lines of its log."""


def start(state: Path, name: str, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> int:
    """Start a program in a session of its own, log and pid kept in the state folder. Returns the pid."""
    for folder in ("pid", "log"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    program = shutil.which(argv[0])
    if program is None:
        raise FileNotFoundError(f"{argv[0]} is not installed")
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        program,
        [str(argument) for argument in argv],
        {**os.environ, **(env or {})},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log_path(state, name)), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *_closing_inherited(),
        ],
        setsid=True,
    )
    (state / "pid" / name).write_text(f"{pid}\n")
    return pid


def _closing_inherited() -> list[tuple[int, int]]:
    """Closes what we were handed ourselves: a lock or a pipe of our caller must not stay open as long as a daemon."""
    closing = []
    for fd in (int(entry.name) for entry in Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # that of the listing is gone by now
            if fd > STANDARD_ERROR and os.get_inheritable(fd):
                closing.append((os.POSIX_SPAWN_CLOSE, fd))
    return closing


def log_path(state: Path, name: str) -> Path:
    """Where a program's output goes."""
    return state / "log" / f"{name}.log"


def started(state: Path) -> list[str]:
    """Names of the programs that have a pid file."""
    folder = state / "pid"
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def pid_of(state: Path, name: str) -> int | None:
    """The pid of a program that is alive and ours, else None."""
    try:
        pid = int((state / "pid" / name).read_text())
    except (OSError, ValueError):
        return None
    return pid if _names_state(pid, state) else None


def require_alive(state: Path, name: str) -> None:
    """Refuse to wait for a program that has ended.

    Raises:
        ProcessDiedError: it is gone.
    """
    # Not asked for its command line: that is empty for an instant after a start.
    if not is_alive(int((state / "pid" / name).read_text())):
        raise ProcessDiedError(f"{name} ended:\n{tail(state, name)}")


def tail(state: Path, name: str) -> str:
    """The last lines of a program's log."""
    try:
        return "\n".join(log_path(state, name).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
    except OSError:
        return "(no log)"


def stop(state: Path, names: Iterable[str], grace_s: float = TERM_GRACE_S) -> None:
    """Ask programs to end, and kill what is left of them and their children after. Those already gone are fine."""
    wanted = list(names)
    pids = [pid for name in wanted if (pid := pid_of(state, name)) is not None]
    end_processes(pids, grace_s)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # each was started in a session of its own
    for name in wanted:
        (state / "pid" / name).unlink(missing_ok=True)


def end_processes(pids: Sequence[int], grace_s: float) -> None:
    """TERM to all, KILL to those that live on after `grace_s`."""
    _signal(pids, signal.SIGTERM)
    end = time.monotonic() + grace_s
    while (alive := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < end:
        time.sleep(0.02)
    _signal(alive, signal.SIGKILL)
    end = time.monotonic() + TERM_GRACE_S
    while (alive := [pid for pid in alive if is_alive(pid)]) and time.monotonic() < end:
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie does not; one of our own children is reaped by the question."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()  # the name before it may hold anything
    if fields and fields[0] not in {b"Z", b"X"}:
        return True
    try:
        reaped, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return reaped == 0  # its last threads are still ending


def naming(text: str, programs: tuple[str, ...]) -> list[int]:
    """Pids of the processes with `text` in their command line whose program's name starts with one of `programs`."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        pid
        for pid in pids
        if text.encode() in _read(pid, "cmdline") and _read(pid, "comm").decode(errors="replace").startswith(programs)
    ]


def _names_state(pid: int, state: Path) -> bool:
    text = f"{state}/".encode()
    return is_alive(pid) and (text in _read(pid, "cmdline") or text in _read(pid, "environ"))


def _read(pid: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
