"""VPA's own code as a sizer: the program in bench/vpa, which drives the packages of the Go module of VPA 1.8.1.

Needs Go and, for the first build, its module proxy.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foresize_forecast.replay.peers.vpa import FLOOR_BYTES, LIMIT_RATIO
from foresize_forecast.replay.trace import Sizes, Told, Trace, Track, first_sizes
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

SOURCE = Path(__file__).parent / "vpa"
NUMBERS = 5
"""Of a column: request, limit, lower bound, target, upper bound."""
LITTLE_ENDIAN = np.dtype("<f8")


@dataclass(frozen=True, slots=True)
class Played:
    """What VPA's own code did: sizes, and the recommendations that they rest on, each of shape (series, time)."""

    sizes: Sizes
    lower: FloatArray
    target: FloatArray
    upper: FloatArray


@dataclass(frozen=True, slots=True)
class VpaOwn:
    """As `foresize_forecast.replay.peers.Vpa`, by VPA's own packages: `program` is what `build` made."""

    program: Path
    name: str = "VPA, its own code"
    floor_bytes: float = FLOOR_BYTES
    limit_ratio: float = LIMIT_RATIO

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force, decided at each step."""
        sizes = self.played(trace, track).sizes
        told(1.0)
        return sizes

    def played(self, trace: Trace, track: Track) -> Played:
        """Sizes and recommendations.

        Raises:
            CalledProcessError: the program failed; it said why on standard error.
        """
        head = {
            "series": len(trace.series),
            "columns": trace.grid.count,
            "start_s": trace.grid.start_s,
            "step_s": trace.grid.step_s,
            "floor_mib": self.floor_bytes / MIB,
            "limit_ratio": 1.0 if track is Track.GUARANTEED else self.limit_ratio,
        }
        rows = np.column_stack([np.ceil(first_sizes(trace)), trace.usage]).astype(LITTLE_ENDIAN)
        with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answered:
            asked.write(json.dumps(head).encode() + b"\n" + rows.tobytes())
            asked.seek(0)
            subprocess.run([self.program], stdin=asked, stdout=answered, check=True)  # noqa: S603 - what `build` made
            answered.seek(0)
            found = np.frombuffer(answered.read(), LITTLE_ENDIAN).reshape(*trace.usage.shape, NUMBERS)
        request, limit, lower, target, upper = np.moveaxis(found, 2, 0).astype(np.float64)
        return Played(Sizes(request, limit), lower, target, upper)


def build(folder: Path) -> Path:
    """Make the program in a folder; seconds where Go has built it before, minutes where it has to fetch and compile.

    Raises:
        FileNotFoundError: there is no Go; the text says what is expected.
        CalledProcessError: it could not be built; Go said why on standard error.
    """
    program = folder / "vpa"
    go = shutil.which("go")
    if go is None:
        raise FileNotFoundError("there is no `go` in PATH; VPA's own code is built with Go 1.26 or later")
    subprocess.run([go, "build", "-o", program, "."], cwd=SOURCE, check=True)  # noqa: S603 - the user's own Go
    return program
