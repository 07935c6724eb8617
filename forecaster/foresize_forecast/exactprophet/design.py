"""What the series of one gap pattern share: the design matrix, factorised once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.model import FloatArray, IntArray, Model, Placement, place
from foresize_forecast.exactprophet.search import Problem


@dataclass(frozen=True, slots=True)
class Design:
    """One gap pattern's factorised design.

    The design matrix [F D] (F: slope, offset, seasons; D: hinges) is Q R. The block of F in R, its columns scaled by
    their priors, is decomposed once more (U S V'), so that its elimination at any noise scale is a weight on each
    coordinate.

    Attributes:
        placement: scaled time and changepoints.
        columns: the observed columns of the grid.
        basis: Q, shape (observed, rows).
        turn: U', shape (block, block).
        offsets: shape (block,): what an offset of 1 is in the block's coordinates.
        spread: shape (free columns, block): from the block's coordinates to coefficients.
        problem: R in the form that the search takes.
    """

    placement: Placement
    columns: IntArray
    basis: FloatArray
    turn: FloatArray
    offsets: FloatArray
    spread: FloatArray
    problem: Problem

    @property
    def block(self) -> int:
        """Coordinates of the normal priors' block."""
        return len(self.problem.singular)


def design(model: Model, times_s: FloatArray, features: FloatArray, columns: IntArray) -> Design:
    """Factorise the design of one gap pattern.

    Args:
        model: what is fitted.
        times_s: instants of the whole grid.
        features: seasonal features of the whole grid, shape (time, season columns).
        columns: the observed columns, at least two.
    """
    observed_s = times_s[columns]
    placement = place(model, observed_s)
    scaled = placement.scaled(observed_s)
    trend = [scaled, np.ones_like(scaled)] if model.growth == "linear" else [np.ones_like(scaled)]
    free = np.column_stack([*trend, features[columns]])
    basis, triangle = np.linalg.qr(np.column_stack([free, placement.hinges(scaled)]))
    width = free.shape[1]
    block = min(width, len(columns))
    scales = model.free_prior_scales()
    left, singular, right = np.linalg.svd(triangle[:block, :width] * scales, full_matrices=False)
    slopes = triangle[:, width:].copy()
    slopes[:block] = left.T @ slopes[:block]
    offset = len(trend) - 1
    return Design(
        placement=placement,
        columns=columns,
        basis=basis,
        turn=np.ascontiguousarray(left.T),
        offsets=singular * right[:, offset] / scales[offset],
        spread=scales[:, np.newaxis] * right.T,
        problem=Problem(
            np.ascontiguousarray(slopes.T), singular, 1 / model.changepoint_prior_scale, float(len(columns))
        ),
    )
