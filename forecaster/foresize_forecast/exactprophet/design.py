"""What the series of one gap pattern share: the design matrix, factorised once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.model import FloatArray, IntArray, Model, Placement, place
from foresize_forecast.exactprophet.problem import Problem
from foresize_forecast.exactprophet.projection import FEATURES_A_STEP, orthonormalise, triangularise


@dataclass(frozen=True, slots=True)
class Design:
    """The design matrix [F D] (F: slope, offset, seasons; D: hinges) as its triangular factor R, [F D] = Q R.

    The block of F in R, its columns scaled by their priors, is decomposed once more (U S V'), so that its elimination
    at any noise scale is a weight on each coordinate.

    Attributes:
        problem: R, the block's rows turned by U', in the form that the search takes.
        turn: U', shape (block, block).
        offsets: shape (rows,): what an offset of 1 is in the turned coordinates.
        spread: shape (free columns, block): from the block's coordinates to coefficients.
    """

    problem: Problem
    turn: FloatArray
    offsets: FloatArray
    spread: FloatArray

    @property
    def block(self) -> int:
        """Coordinates of the normal priors' block."""
        return len(self.problem.singular)


def design_columns(
    model: Model, times_s: FloatArray, features: FloatArray, columns: IntArray
) -> tuple[Placement, FloatArray]:
    """The placement of one gap pattern, and its design matrix, transposed: shape (design columns, observed).

    Args:
        model: what is fitted.
        times_s: instants of the whole grid.
        features: seasonal features of the whole grid, shape (season columns, time).
        columns: the observed columns of the grid, at least two.
    """
    observed_s = times_s[columns]
    placement = place(model, observed_s)
    scaled = placement.scaled(observed_s)
    trend = [scaled, np.ones_like(scaled)] if model.growth == "linear" else [np.ones_like(scaled)]
    # Contiguous, so that what is compiled is compiled once.
    return placement, np.ascontiguousarray(np.vstack([*trend, features[:, columns], placement.hinges(scaled).T]))


def factored(model: Model, triangle: FloatArray, observed: int) -> Design:
    """The design of a triangular factor, shape (rows, design columns)."""
    scales = model.free_prior_scales()
    width = len(scales)
    block = min(width, len(triangle))
    left, singular, right = np.linalg.svd(triangle[:block, :width] * scales, full_matrices=False)
    hinges = triangle[:, width:].copy()
    hinges[:block] = left.T @ hinges[:block]
    offset = 1 if model.growth == "linear" else 0
    offsets = np.zeros(len(triangle))
    offsets[:block] = singular * right[:, offset] / scales[offset]
    return Design(
        problem=Problem(
            np.ascontiguousarray(hinges.T),
            singular,
            float(np.abs(hinges).max(initial=0.0)),
            1 / model.changepoint_prior_scale,
            float(observed),
        ),
        turn=left.T,
        offsets=offsets,
        spread=scales[:, np.newaxis] * right.T,
    )


def with_basis(model: Model, matrix: FloatArray) -> tuple[Design, FloatArray]:
    """The design of a transposed design matrix, and its turned basis for projecting many series.

    The basis has shape (rows, observed), filled up with zeros to a multiple of `FEATURES_A_STEP` rows.
    """
    basis, triangle = orthonormalise(matrix)
    shared = factored(model, triangle, matrix.shape[1])
    rows = -(-len(triangle) // FEATURES_A_STEP) * FEATURES_A_STEP
    turned = np.zeros((rows, matrix.shape[1]))
    turned[: len(triangle)] = basis
    turned[: shared.block] = shared.turn @ turned[: shared.block]
    return shared, turned


def with_series(model: Model, matrix: FloatArray, scaled: FloatArray) -> tuple[Design, FloatArray, FloatArray]:
    """The design of a transposed design matrix, and a few series in its turned coordinates, without its basis.

    The series, shape (series, observed), are further columns of the matrix: what orthogonalisation leaves of them in
    the rows below the design's is what lies outside of it.

    Returns:
        The design; coordinates, shape (series, rows); sums of squares outside, shape (series,).
    """
    triangle = triangularise(np.vstack([matrix, scaled]))
    rows = len(matrix)
    shared = factored(model, np.ascontiguousarray(triangle[:rows, :rows]), matrix.shape[1])
    targets = np.ascontiguousarray(triangle[:rows, rows:].T)
    targets[:, : shared.block] = targets[:, : shared.block] @ shared.turn.T
    return shared, targets, np.sum(triangle[rows:, rows:] ** 2, axis=0)
