"""The MAP of one series after another, each with a proof: compiled.

With precision q = 1 / s^2, n observations and a fixed q, the log posterior's best value over all other parameters is

    L(q) = (n / 2) log q - 2 / q - f(q),    f(q) = min over the parameters of (q / 2) RSS + priors.

The minimum is convex (a lasso, once the normal priors' block is eliminated), and f, a minimum of lines in q, is
concave: above its chord between two precisions. With the chord for f, L has one maximum, in closed form: an upper bound
over the interval. The next precision is taken where that bound is highest, until it is within `TOLERANCE_NATS` of the
best value found: then no noise scale does better, though L may have several maxima. f itself is bounded from below by
the lasso's dual value, so rounding is in the certificate too. All functions are in this one file, because numba
renews the machine code that it keeps by file.
"""

from __future__ import annotations

import math

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled, inlined
from foresize_forecast.exactprophet.model import FloatArray
from foresize_forecast.exactprophet.problem import MAX_EVALUATIONS, Batch, Problem, Series, Work

TOLERANCE_NATS = 2e-5
"""Well below the 1e-4 that is promised: the rest is for rounding."""
MAX_STEPS = 1000
"""Steps of the active set at one noise scale; a change of slope joins or leaves at each."""
MAX_REFINEMENTS = 4
"""Full Newton steps without a change of the active set: one is exact but for rounding."""
SETTLED = 1e-18
"""Twice what a further Newton step would gain, in nats: then the active set is solved."""
EXCESS = 1e-8
"""A gradient that is larger than its bound by this share calls for one more slope."""
ROUNDING = 1e-15
"""Relative error of a gradient's terms: what is within it calls for nothing."""
DEPENDENT = 1e-11
"""Share of a column that must be left after the columns before it; less is rounding."""
FLOOR = 1e-18
"""Smallest s^2, Prophet's own for a constant history; where least squares reach it the posterior has no maximum."""
DESCENT = 1e3
"""Factor between precisions on the way to that floor: a step that the active set can follow."""


@inlined
def noise_variance(squares: float, observed: float) -> float:
    """The s^2 that fits a residual sum of squares best: (sqrt(n^2 + 16 RSS) - n) / 8, without its cancellation."""
    return max(FLOOR, 2.0 * squares / (observed + math.sqrt(observed * observed + 16.0 * squares)))


@inlined
def _weighted_product(left: FloatArray, right: FloatArray, weights: FloatArray) -> float:
    total = 0.0
    for row in range(len(weights)):
        total += left[row] * right[row] * weights[row]
    return total


@inlined
def _factorise(work: Work, first: int, size: int) -> None:
    """Cholesky factor of the active Gram matrix, from row `first` on; dependent columns stay solvable."""
    for row in range(first, size):
        for column in range(row + 1):
            rest = work.gram[row, column]
            for inner in range(column):
                rest -= work.factor[row, inner] * work.factor[column, inner]
            if column < row:
                work.factor[row, column] = rest / work.factor[column, column]
            else:
                work.factor[row, row] = math.sqrt(max(rest, DEPENDENT * work.gram[row, row]))


@inlined
def _newton(work: Work, threshold: float, size: int) -> float:
    """Write the step to the active set's minimum; return twice what it gains."""
    gain = 0.0
    for row in range(size):
        place = work.active[row]
        rest = work.gradient[place] - threshold * work.signs[place]
        for inner in range(row):
            rest -= work.factor[row, inner] * work.step[inner]
        work.step[row] = rest / work.factor[row, row]
        gain += work.step[row] ** 2
    for row in range(size - 1, -1, -1):
        rest = work.step[row]
        for inner in range(row + 1, size):
            rest -= work.factor[inner, row] * work.step[inner]
        work.step[row] = rest / work.factor[row, row]
    return gain


@inlined
def _advance(work: Work, size: int) -> int:
    """Step until the first slope change reaches zero; return its place in the active set, -1 for a full step."""
    share, leaving = 1.0, -1
    for row in range(size):
        place = work.active[row]
        if (work.slopes[place] + work.step[row]) * work.signs[place] <= 0.0 and work.step[row] != 0.0:
            reach = -work.slopes[place] / work.step[row]
            if reach < share:
                share, leaving = reach, row
    for row in range(size):
        work.slopes[work.active[row]] += share * work.step[row]
    return leaving


@inlined
def _leave(work: Work, row: int, size: int) -> int:
    """Take one slope change out of the active set; return the set's new size."""
    work.slopes[work.active[row]] = 0.0
    work.signs[work.active[row]] = 0.0
    for later in range(row, size - 1):
        work.active[later] = work.active[later + 1]
        for column in range(later + 1):
            work.gram[later, column] = work.gram[later + 1, column if column < row else column + 1]
    _factorise(work, row, size - 1)
    return size - 1


@inlined
def _gram_row(problem: Problem, work: Work, row: int) -> None:
    """Products of the active column `row` with those before it."""
    for column in range(row + 1):
        work.gram[row, column] = _weighted_product(
            problem.columns[work.active[row]], problem.columns[work.active[column]], work.weights
        )


@inlined
def _join(problem: Problem, work: Work, place: int, size: int) -> int:
    """Put a slope change into the active set with its gradient's sign; return the set's new size."""
    work.active[size] = place
    work.signs[place] = 1.0 if work.gradient[place] > 0.0 else -1.0
    _gram_row(problem, work, size)
    _factorise(work, size, size + 1)
    return size + 1


@inlined
def _differentiate(problem: Problem, work: Work, target: FloatArray, size: int) -> None:
    """Residual and gradient at the present slopes; from the data each time, so that errors do not add up."""
    work.residual[:] = target
    for row in range(size):
        slope, column = work.slopes[work.active[row]], problem.columns[work.active[row]]
        for coordinate in range(len(target)):
            work.residual[coordinate] -= slope * column[coordinate]
    for place in range(problem.columns.shape[0]):
        work.gradient[place] = _weighted_product(problem.columns[place], work.residual, work.weights)


@inlined
def _solve(problem: Problem, work: Work, target: FloatArray, variance: float, size: int) -> int:
    """The lasso at a fixed noise variance, from the slopes in `work`; returns the steps that it took."""
    for row in range(problem.singular.shape[0]):
        work.weights[row] = variance / (problem.singular[row] ** 2 + variance)
    for row in range(size):
        _gram_row(problem, work, row)
    _factorise(work, 0, size)
    threshold = variance * problem.rate
    noise = 0.0
    for row in range(target.shape[0]):
        noise += ROUNDING * problem.largest * work.weights[row] * abs(target[row])
    refined = 0
    for steps in range(MAX_STEPS):
        _differentiate(problem, work, target, size)
        if size and refined < MAX_REFINEMENTS and _newton(work, threshold, size) > SETTLED * variance:
            leaving = _advance(work, size)
            refined += 1
            if leaving >= 0:
                size = _leave(work, leaving, size)
                refined = 0
            continue
        steepest, place = threshold * (1.0 + EXCESS) + noise, -1
        for candidate in range(problem.columns.shape[0]):
            if work.signs[candidate] == 0.0 and abs(work.gradient[candidate]) > steepest:
                steepest, place = abs(work.gradient[candidate]), candidate
        if place < 0:
            return steps + 1
        size = _join(problem, work, place, size)
        refined = 0
    _differentiate(problem, work, target, size)
    return MAX_STEPS


@inlined
def _sums(problem: Problem, work: Work, outside: float, variance: float) -> tuple[float, float]:
    """Residual sum of squares, and the priors in nats; the normal priors' block is at its minimum, in closed form."""
    squares, priors = outside, 0.0
    for row in range(work.residual.shape[0]):
        squares += (work.weights[row] * work.residual[row]) ** 2
    for row in range(problem.singular.shape[0]):
        priors += 0.5 * (problem.singular[row] * work.residual[row] / (problem.singular[row] ** 2 + variance)) ** 2
    for place in range(work.slopes.shape[0]):
        priors += abs(work.slopes[place]) * problem.rate
    return squares, priors


@inlined
def _duality_gap(problem: Problem, work: Work, variance: float) -> float:
    """Nats by which the lasso's value exceeds that of the dual point nearest to it; every term is at least 0."""
    threshold = variance * problem.rate
    steepest = threshold
    for place in range(work.gradient.shape[0]):
        steepest = max(steepest, abs(work.gradient[place]))
    share = threshold / steepest
    gap = 0.5 * (1.0 - share) ** 2 * _weighted_product(work.residual, work.residual, work.weights)
    for place in range(work.slopes.shape[0]):
        gap += abs(work.slopes[place]) * threshold - share * work.gradient[place] * work.slopes[place]
    return max(gap, 0.0) / variance


@inlined
def _ceiling(half: float, left: float, low: float, right: float, high: float) -> tuple[float, float]:
    """Upper bound of L between precisions `left` and `right`, where f is at least `low` and `high`; and its place."""
    slope = (high - low) / (right - left)
    place = right
    if slope > 0.0:
        place = min(right, max(left, (half + math.sqrt(half * half + 8.0 * slope)) / (2.0 * slope)))
    return half * math.log(place) - 2.0 / place - low - slope * (place - left), place


@inlined
def _highest(half: float, work: Work, count: int) -> tuple[float, float]:
    """The highest upper bound over all intervals, and the precision to evaluate next."""
    bound, chosen = -np.inf, work.precisions[0]
    for i in range(count - 1):
        left, right = work.precisions[i], work.precisions[i + 1]
        height, place = _ceiling(half, left, work.floors[i], right, work.floors[i + 1])
        if height > bound:
            inside = left * (1.0 + 1e-9) < place < right * (1.0 - 1e-9)
            bound, chosen = height, place if inside else math.sqrt(left * right)
    return bound, chosen


@inlined
def _start(work: Work) -> int:
    """Make the slope changes that are not 0 the active set; return its size."""
    size = 0
    for place in range(len(work.slopes)):
        work.signs[place] = np.sign(work.slopes[place])
        if work.slopes[place] != 0.0:
            work.active[size] = place
            size += 1
    return size


@inlined
def _note(problem: Problem, work: Work, series: Series, precision: float) -> None:
    """Note the floor at the precision just solved, and keep what is best."""
    squares, priors = _sums(problem, work, series.outside, 1.0 / precision)
    place = int(series.found[4])
    while place > 0 and work.precisions[place - 1] > precision:
        work.precisions[place], work.floors[place] = work.precisions[place - 1], work.floors[place - 1]
        place -= 1
    work.precisions[place] = precision
    work.floors[place] = 0.5 * precision * squares + priors - _duality_gap(problem, work, 1.0 / precision)
    series.found[4] += 1
    for above in range(max(1, place), int(series.found[4])):  # f does not decrease
        work.floors[above] = max(work.floors[above], work.floors[above - 1])
    fitted = noise_variance(squares, problem.observed)
    posterior = -0.5 * (problem.observed * math.log(fitted) + squares / fitted) - 2.0 * fitted - priors
    if posterior > series.found[0]:
        series.found[0], series.found[2], series.found[3] = posterior, fitted, 1.0 / precision
        series.slopes[:] = work.slopes


@inlined
def _next(problem: Problem, work: Work, series: Series, lowest: float, highest: float) -> float:
    """The precision to evaluate next, 0 where there is proof enough: first both ends and one between them."""
    count = int(series.found[4])
    if work.precisions[count - 1] < highest:
        if highest * FLOOR >= 1.0:
            return min(highest, DESCENT * float(work.precisions[count - 1]))
        return highest if count > 1 or series.warm > lowest else min(highest, 1.0 / series.found[2])
    if work.precisions[0] > lowest:
        return lowest
    bound, precision = _highest(0.5 * problem.observed, work, count)
    series.found[1] = max(0.0, bound - series.found[0])
    return 0.0 if series.found[1] <= TOLERANCE_NATS or count == MAX_EVALUATIONS else float(precision)


@compiled
def search(problem: Problem, work: Work, batch: Batch, begin: int, end: int) -> None:
    """The MAP of the series `begin` to `end` of a batch, with the noise at or above its floor."""
    # Values are within 1, so zeros leave over at most their number; least squares leave over the least.
    lowest = 1.0 / noise_variance(problem.observed, problem.observed)
    for row in range(begin, end):
        series = Series(batch.targets[row], batch.outside[row], batch.warm[row], batch.slopes[row], batch.found[row])
        highest = 1.0 / noise_variance(series.outside, problem.observed)
        series.found[:] = 0.0
        series.found[0] = -np.inf
        precision = series.warm
        if not lowest < precision < highest:
            precision = lowest
            series.slopes[:] = 0.0
        while precision > 0.0:
            count = int(series.found[4])
            if count == 0 or highest * FLOOR < 1.0 or work.precisions[count - 1] >= highest:
                work.slopes[:] = series.slopes  # from the best, but on the way to the floor from the last
            series.found[5] += _solve(problem, work, series.target, 1.0 / precision, _start(work))
            _note(problem, work, series, precision)
            precision = _next(problem, work, series, lowest, highest)
