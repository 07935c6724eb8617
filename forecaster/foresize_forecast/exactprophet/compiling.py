"""Compiled functions whose machine code is kept where the system lets it be kept.

numba keeps machine code in `NUMBA_CACHE_DIR`, or beside the source, or in the user's cache, and refuses to define a
cached function where it can write to none of them. An image with a read-only root has its cache filled at build; this
module then works on a copy in the temporary directory, and where there is nothing to copy it compiles anew.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

F = TypeVar("F", bound=Callable[..., Any])

REORDERED = {"reassoc", "contract", "nsz"}
"""Sums may be taken in the order that suits the processor; NaN and infinity keep their meaning."""


def copy_read_only_cache() -> None:
    """Point numba at a copy of its cache directory where that cannot be written to."""
    kept = vars(config)["CACHE_DIR"]
    if not kept or not Path(kept).is_dir() or os.access(kept, os.W_OK):
        return
    copy = tempfile.mkdtemp(prefix="exactprophet-")
    atexit.register(remove, copy, os.getpid())
    shutil.copytree(kept, copy, dirs_exist_ok=True)
    vars(config)["CACHE_DIR"] = copy


def remove(folder: str, owner: int) -> None:
    """Remove the copy when the process that made it ends, not when one of its forks does."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def compiled(function: F) -> F:
    """`function` compiled at its first call, without the interpreter's lock; kept on disk where that is possible."""
    try:
        dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDERED)(function)
    except RuntimeError:  # no place to keep it
        dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath=REORDERED)(function)
    return cast("F", dispatcher)


def inlined(function: F) -> F:
    """`function` as a part of the compiled ones that call it: compiled with them, once, and not by itself as well."""
    return cast("F", numba.njit(inline="always")(function))


copy_read_only_cache()
