"""What the search is given and works with. Values only: the search's machine code is kept by its own file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foresize_forecast.exactprophet.model import FloatArray, IntArray


class Problem(NamedTuple):
    """What all series of one gap pattern share.

    Rows are coordinates of an orthogonal basis; the first `len(singular)` belong to the normal priors' block.

    Attributes:
        columns: shape (changepoints, rows): what each slope change adds.
        singular: singular values of the block's columns, each scaled by its prior.
        largest: the largest absolute value in `columns`.
        rate: 1 / changepoint_prior_scale.
        observed: observations of a series.
    """

    columns: FloatArray
    singular: FloatArray
    largest: float
    rate: float
    observed: float


class Batch(NamedTuple):
    """Series to search, a row each, and what is found.

    Attributes:
        targets: shape (series, rows): the scaled values in the problem's basis.
        outside: shape (series,): sum of squares of the scaled values outside of that basis.
        warm: shape (series,): a precision to start from; 0 where there is none.
        slopes: shape (series, changepoints): slope changes to start from; overwritten with those found.
        found: shape (series, 6), written: log posterior; nats that the best may lie above it; s^2; the variance at
            which the slopes are the lasso's minimum; noise scales tried; steps taken.
    """

    targets: FloatArray
    outside: FloatArray
    warm: FloatArray
    slopes: FloatArray
    found: FloatArray


class Series(NamedTuple):
    """One row of a batch."""

    target: FloatArray
    outside: float
    warm: float
    slopes: FloatArray
    found: FloatArray


class Work(NamedTuple):
    """One thread's scratch; `active`, `gram`, `factor` and `step` go by place in the active set.

    `precisions`, ascending, and `floors` are the noise scales evaluated and lower bounds of f there.
    """

    weights: FloatArray
    residual: FloatArray
    slopes: FloatArray
    signs: FloatArray
    gradient: FloatArray
    active: IntArray
    gram: FloatArray
    factor: FloatArray
    step: FloatArray
    precisions: FloatArray
    floors: FloatArray


MAX_EVALUATIONS = 64
"""Noise scales tried; 5 is common, 34 the most that recorded memory took."""


def workspace(problem: Problem) -> Work:
    """Scratch for one thread."""
    places, rows = problem.columns.shape
    return Work(
        weights=np.ones(rows),
        residual=np.empty(rows),
        slopes=np.zeros(places),
        signs=np.zeros(places),
        gradient=np.zeros(places),
        active=np.zeros(places, np.int64),
        gram=np.empty((places, places)),
        factor=np.empty((places, places)),
        step=np.empty(places),
        precisions=np.empty(MAX_EVALUATIONS),
        floors=np.empty(MAX_EVALUATIONS),
    )
