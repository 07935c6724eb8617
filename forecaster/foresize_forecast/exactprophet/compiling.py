"""Compiled functions whose machine code is kept where the system lets it be kept.

numba keeps machine code in `NUMBA_CACHE_DIR`, or beside the source, or in the user's cache, and refuses to define a
cached function where it can write to none of them. An image with a read-only root has its cache filled at build; this
module then works on a folder of links to it in the temporary directory, and where no place can be written to at all it
compiles anew in each process.
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


def link_read_only_cache() -> None:
    """Point numba at a folder of links to its cache directory where that cannot be written to.

    numba replaces files and never writes into them, so what it adds stays in that folder. Processes that are spawned
    by this one share the folder.
    """
    kept = vars(config)["CACHE_DIR"]
    if not kept or not Path(kept).is_dir() or os.access(kept, os.W_OK):
        return
    try:
        links = tempfile.mkdtemp(prefix="exactprophet-")
    except OSError:  # no temporary directory either
        return
    atexit.register(remove, links, os.getpid())
    shutil.copytree(Path(kept).resolve(), links, copy_function=os.symlink, dirs_exist_ok=True)
    Path(links).chmod(0o700)  # copytree gave it the kept one's mode
    for folder in Path(links).iterdir():
        folder.chmod(0o700)
    os.environ["NUMBA_CACHE_DIR"] = vars(config)["CACHE_DIR"] = links


def remove(folder: str, owner: int) -> None:
    """Remove the links when the process that made them ends, not when one of its forks does."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def compiled(function: F) -> F:
    """`function` compiled at its first call, without the interpreter's lock; kept on disk where that is possible.

    Sums are taken in the order that suits the processor, and a division by zero is infinite.
    """
    return _kept(function, error_model="numpy", fastmath=REORDERED)


def compiled_as_written(function: F) -> F:
    """As `compiled`, with every operation as it is written and Python's own errors: the same bytes everywhere."""
    return _kept(function)


def _kept(function: F, **options: Any) -> F:  # noqa: ANN401 - numba's own
    try:
        dispatcher = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no place to keep it
        dispatcher = numba.njit(nogil=True, **options)(function)
    return cast("F", dispatcher)


def inlined(function: F) -> F:
    """`function` as a part of the compiled ones that call it: compiled with them, once, and not by itself as well."""
    return cast("F", numba.njit(inline="always")(function))


link_read_only_cache()
