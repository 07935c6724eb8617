"""Which series had their peaks cut off by a limit: demand above it was never seen, so no figure can be trusted there.

The rule: replicas share a limit, so they are looked at together. Their highest value is a ceiling when it lies just
below a size that people write (within `BELOW` of a quarter of a power of two, and large enough for that to be no
accident), and memory fell steeply from near it several times: a container that was killed starts over.

Of the containers in `operate_first` this names the Loki ingesters (10 GiB) and Prow's hook (1 GiB).
"""

from __future__ import annotations

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.series import BoolArray, FloatArray, peaks
from foresize_forecast.sizes import MIB

SMALLEST_LIMIT = 128 * MIB
"""Below it, quarters of powers of two lie so close to each other that noise is near one."""
BELOW = 0.005
"""How far below its limit the highest sample may lie, as a share: a minute before a kill there is little room left."""
NEAR = 0.9
"""A fall counts when it begins at this share of the limit or above ..."""
FALLEN = 0.6
"""... ends below this share of it ..."""
FALL_S = 600
"""... and takes no longer than this."""
MIN_FALLS = 3
"""Of all replicas: once may be a restart by hand."""
QUARTERS = 4


def censored(usage: FloatArray, siblings: list[tuple[str, str]], step_s: int) -> BoolArray:
    """Whether each series was cut off, shape (series,).

    Args:
        usage: shape (series, time), bytes.
        siblings: what replicas of one container share, for each series.
        step_s: seconds of a column.
    """
    found = np.zeros(len(siblings), dtype=np.bool_)
    for group in sorted(set(siblings)):
        rows = np.flatnonzero([each == group for each in siblings])
        limit = written_limit(float(np.nanmax(peaks(usage[rows]), initial=0.0)))
        if limit is not None and falls(usage[rows], limit, max(1, FALL_S // step_s)) >= MIN_FALLS:
            found[rows] = peaks(usage[rows]) >= NEAR * limit
    return found


def written_limit(highest: float) -> float | None:
    """The size that people write just above `highest` bytes, if there is one.

    Worked: 10,226 MiB lies in (8, 16] GiB, whose quarters are 2 GiB apart; the next is 10 GiB, 0.14 % above.
    """
    if not highest >= SMALLEST_LIMIT:
        return None
    step = 2.0 ** np.floor(np.log2(highest)) / QUARTERS
    limit = float(np.ceil(highest / step) * step)
    return limit if highest >= (1 - BELOW) * limit else None


@compiled_as_written
def falls(usage: FloatArray, limit: float, columns: int) -> int:
    """How often a row fell from near the limit to well below it within `columns` measured columns.

    A gap between the two is part of the fall: the container was not running.
    """
    count = 0
    for row in usage:
        since_high = columns + 1
        for value in row:
            if np.isnan(value):
                continue
            if value >= NEAR * limit:
                since_high = 0
            elif value < FALLEN * limit and since_high < columns:
                count += 1
                since_high = columns + 1
            else:
                since_high += 1
    return count
