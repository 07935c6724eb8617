"""Where the exact solver's machine code is kept, on systems that let it be kept and on others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba.core.caching
import pytest
from numba.core import config

from foresize_forecast.exactprophet import compiling


def double(number: int) -> int:
    """Something to compile."""
    return 2 * number


def test_a_cache_on_a_read_only_disk_is_used_by_links_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An image whose root is read-only has its machine code from the build; numba alone would refuse to start."""
    kept = tmp_path / "kept"
    (kept / "solver").mkdir(parents=True)
    (kept / "solver" / "code.nbc").write_bytes(b"machine code")
    (kept / "solver").chmod(0o555)
    kept.chmod(0o555)
    monkeypatch.setitem(vars(config), "CACHE_DIR", str(kept))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(kept))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)
    compiling.link_read_only_cache()
    links = Path(vars(config)["CACHE_DIR"])
    assert links.parent == tmp_path
    assert links != kept
    assert (links / "solver" / "code.nbc").read_bytes() == b"machine code"
    assert os.environ["NUMBA_CACHE_DIR"] == str(links)  # for processes that are spawned

    # numba replaces a file by another one: in the links, not in the image.
    (links / "solver" / "new").write_bytes(b"newer")
    (links / "solver" / "new").replace(links / "solver" / "code.nbc")
    assert (kept / "solver" / "code.nbc").read_bytes() == b"machine code"

    compiling.remove(str(links), os.getpid() + 1)  # a fork that ends leaves it to its parent
    assert links.exists()
    compiling.remove(str(links), os.getpid())
    assert not links.exists()
    assert (kept / "solver" / "code.nbc").exists()


def test_without_a_temporary_directory_a_read_only_cache_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing can be written at all: nothing fails, and the code is compiled anew."""
    monkeypatch.setitem(vars(config), "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr("os.access", lambda *_: False)
    compiling.link_read_only_cache()
    assert vars(config)["CACHE_DIR"] == str(tmp_path)


def test_a_cache_that_can_be_written_stays_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No links are made where none are needed, nor where no directory was named."""
    for kept in (str(tmp_path), str(tmp_path / "missing"), ""):
        monkeypatch.setitem(vars(config), "CACHE_DIR", kept)
        compiling.link_read_only_cache()
        assert vars(config)["CACHE_DIR"] == kept


def test_without_any_place_to_keep_machine_code_it_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No directory is writable: the code is compiled anew in each process, and works."""
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    assert compiling.compiled(double)(21) == 42
    assert compiling.compiled_as_written(double)(21) == 42


KEPT = """
import os
if os.environ.get("READ_ONLY"):
    os.access = lambda *_, **__: False
from doubling import double
assert double(21) == 42
print(*(sum(found.values()) for found in (double.stats.cache_hits, double.stats.cache_misses)))
"""


def test_what_the_build_compiled_is_not_compiled_again(tmp_path: Path) -> None:
    """A process that may only read the cache takes its machine code from there, and leaves nothing behind."""
    module = "from foresize_forecast.exactprophet.compiling import compiled_as_written\n\n\n"
    (tmp_path / "doubling.py").write_text(module + "@compiled_as_written\ndef double(number):\n    return 2 * number\n")
    (tmp_path / "tmp").mkdir()
    places = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "TMPDIR": str(tmp_path / "tmp")}

    def found(**more: str) -> list[str]:
        environment = {**os.environ, **places, **more}
        done = subprocess.run(
            [sys.executable, "-c", KEPT], check=True, capture_output=True, text=True, timeout=60, env=environment
        )
        return done.stdout.split()

    assert ["0", "1"] == found()
    assert ["1", "0"] == found(READ_ONLY="yes")
    assert [] == list((tmp_path / "tmp").iterdir())
