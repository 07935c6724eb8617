"""Where the exact solver's machine code is kept, on systems that let it be kept and on others."""

from __future__ import annotations

import os
from pathlib import Path

import numba.core.caching
import pytest
from numba.core import config

from foresize_forecast.exactprophet import compiling


def double(number: int) -> int:
    """Something to compile."""
    return 2 * number


def test_a_cache_on_a_read_only_disk_is_used_from_a_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An image whose root is read-only has its machine code from the build; numba alone would refuse to start."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "code.nbc").write_bytes(b"machine code")
    monkeypatch.setitem(vars(config), "CACHE_DIR", str(kept))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)
    compiling.copy_read_only_cache()
    copy = Path(vars(config)["CACHE_DIR"])
    assert copy != kept
    assert (copy / "code.nbc").read_bytes() == b"machine code"
    compiling.remove(str(copy), os.getpid() + 1)  # a fork that ends leaves it to its parent
    assert copy.exists()
    compiling.remove(str(copy), os.getpid())
    assert not copy.exists()


def test_a_cache_that_can_be_written_stays_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No copy is made where none is needed, nor where no directory was named."""
    for kept in (str(tmp_path), str(tmp_path / "missing"), ""):
        monkeypatch.setitem(vars(config), "CACHE_DIR", kept)
        compiling.copy_read_only_cache()
        assert vars(config)["CACHE_DIR"] == kept


def test_without_any_place_to_keep_machine_code_it_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No directory is writable: the code is compiled anew in each process, and works."""
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    assert compiling.compiled(double)(21) == 42
