"""Room above the highest of a few peaks, from what room costs against what a kill costs."""

from __future__ import annotations

import numpy as np

from foresize_forecast.series import FloatArray, IntArray

KILL_PRICE = 10.0
"""A failed attempt costs this many times the memory and time that it was given.

Its own cost once: it starts again from nothing. The rest is what memory does not show: the work behind it waits, and
somebody is told. `bench/jobs.py` prints what other prices would give."""
NARROWEST = 1e-4
"""Smallest scale of the tail, as a share of the peak: runs that all peaked alike have room for a ten-thousandth."""
EULER = 0.5772156649015329


def headroom(highest: FloatArray, median: FloatArray, runs: IntArray, price: float = KILL_PRICE) -> FloatArray:
    """Bytes to add to the highest peak of some runs so that room and kills together cost least.

    Above the median peaks are taken to fall off exponentially, with the scale s that puts the highest of n where it
    was seen: E[highest] - median = s (H_n - ln 2), H_n = ln n + 0.5772 + 1 / 2n the harmonic number. The next run
    passes highest + d with probability exp(-d / s) / n. Room costs d for the length of a run, a kill price x highest
    for (at most) as long; the sum is least at

        d = s ln(price x highest / (n s)), or 0 where that is negative.

    Args:
        highest: any shape, bytes.
        median: same shape, at most `highest`.
        runs: same shape, at least 1.
        price: `KILL_PRICE`.

    Worked: peaks of 3 runs: highest 110, median 100. H_3 = 1.842, s = 10 / (1.842 - 0.693) = 8.70;
    d = 8.70 ln(10 x 110 / (3 x 8.70)) = 32.5. The same highest and median of 100 runs: H_100 = 5.187, s = 2.23,
    d = 2.23 ln(1100 / 223) = 3.56.
    """
    count = np.maximum(runs, 2).astype(np.float64)
    harmonic = np.log(count) + EULER + 1 / (2 * count)
    scale = np.maximum((highest - median) / (harmonic - np.log(2)), NARROWEST * np.maximum(highest, 1.0))
    gain = price * highest / (count * scale)
    room: FloatArray = scale * np.log(np.maximum(gain, 1.0))
    return room
