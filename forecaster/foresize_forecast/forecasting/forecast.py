"""The slow clock's one question: many histories in, an outlook for each container out.

The running operator (in worker processes) and a replay call this same function. The same history and questions give
the same answer on every run: nothing here draws a random number or reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.forecasting.backtest import Tested, backtested
from foresize_forecast.forecasting.choose import choose
from foresize_forecast.forecasting.models import Model
from foresize_forecast.forecasting.models.peaks import RecentPeak, seasonal_peaks
from foresize_forecast.forecasting.models.prophet import Prophet
from foresize_forecast.forecasting.models.trend import Trend
from foresize_forecast.forecasting.outlook import NoOutlook, Outlook, Score, Shape, ShapeKind
from foresize_forecast.forecasting.shape import shapes
from foresize_forecast.series import FloatArray, History, peaks
from foresize_forecast.sizes import GIB

BASELINE = RecentPeak()
ALWAYS: tuple[Model, ...] = (BASELINE,)
BY_SHAPE: dict[ShapeKind, tuple[Model, ...]] = {
    ShapeKind.SEASONAL: (*seasonal_peaks(), Prophet()),
    ShapeKind.BURSTY: seasonal_peaks(),
    ShapeKind.GROWING: (Trend(), Prophet()),
    ShapeKind.LEAKING: (Trend(),),
}
"""What is tried beside `ALWAYS`: a season cannot be repeated where none is seen, and a flat curve needs no model."""
MIN_HISTORY_S = 3600
MAX_BYTES = 1 << 50
"""1 PiB: no machine holds it, so a sample above is an error of measurement."""
ROWS_AT_ONCE = 64
"""Containers computed together: a week of minutes of 64 containers is 5 MiB an array."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a policy asks of one container's forecast."""

    overrun: float = 0.03
    """Accepted share of time above the request."""
    horizon_s: int = 86_400
    kill_cost_bytes: float = 2.0 * GIB
    """What a kill costs, as bytes reserved for a day."""

    def __post_init__(self) -> None:
        if not 0 < self.overrun < 1 or self.horizon_s <= 0 or self.kill_cost_bytes <= 0:
            raise ValueError(f"need 0 < overrun < 1, horizon_s > 0 and kill_cost_bytes > 0, got {self}")


@dataclass(frozen=True, slots=True)
class Tried:
    """One model on one container's history, for people who ask why another was taken."""

    model: str
    score: Score | None
    """None while there is too little history for a backtest."""
    chosen: bool


@dataclass(frozen=True, slots=True)
class _Chosen:
    """One container's model with what it would have cost and what it expects."""

    model: Model
    score: Score | None
    tested: Tested
    row: int
    baseline: Score | None = None


def outlooks(history: History, questions: Sequence[Question]) -> list[Outlook | NoOutlook]:
    """Forecast every container of a history.

    Args:
        history: usage of many containers on one grid.
        questions: one for each container, in the history's order.

    Returns:
        In the same order, an outlook or the reason why there is none.

    Raises:
        ValueError: there are not as many questions as containers.
    """
    if len(questions) != len(history.containers):
        raise ValueError(f"{len(questions)} questions for {len(history.containers)} containers")
    answers: list[Outlook | NoOutlook | None] = [refusal(history, row) for row in range(len(questions))]
    rows = [row for row, answer in enumerate(answers) if answer is None]
    for at in range(0, len(rows), ROWS_AT_ONCE):
        chunk = rows[at : at + ROWS_AT_ONCE]
        made = _outlooks(history.rows(chunk), [questions[row] for row in chunk])
        for row, outlook in zip(chunk, made, strict=True):
            answers[row] = outlook
    return [answer for answer in answers if answer is not None]


def refusal(history: History, row: int) -> NoOutlook | None:
    """Why a container's history cannot be used, if it cannot."""
    usage = history.usage[row]
    known = usage[~np.isnan(usage)]
    if known.size == 0:
        return NoOutlook("NoHistory", "nothing was measured in the window")
    if known.min() < 0 or known.max() > MAX_BYTES:
        worst = known.min() if known.min() < 0 else known.max()
        return NoOutlook("BadData", f"a sample of {worst:.4g} bytes, between 0 and {MAX_BYTES} is possible")
    measured_s = known.size * history.grid.step_s
    if measured_s < MIN_HISTORY_S:
        return NoOutlook(
            "NotEnoughHistory", f"{measured_s // 60} minutes of measurements, {MIN_HISTORY_S // 60} are needed"
        )
    return None


def tried(history: History, question: Question) -> list[Tried]:
    """Every model that is tried on the one container of a history: the chosen one, then the others by what they cost.

    Empty where the history cannot be used.
    """
    if refusal(history, 0) is not None:
        return []
    [found] = _candidates(history, shapes(history), [question])
    chosen = _cheapest(found).model.name
    made = [Tried(each.model.name, each.score, each.model.name == chosen) for each in found]
    return sorted(made, key=lambda one: (not one.chosen, one.score.cost_bytes if one.score else math.inf))


def _candidates(history: History, kinds: Sequence[Shape], questions: Sequence[Question]) -> list[list[_Chosen]]:
    """Every model that fits the kind of each container's curve, with its backtest; the baseline first."""
    prices = np.array([question.kill_cost_bytes for question in questions])
    found: list[list[_Chosen]] = [[] for _ in questions]
    for model in dict.fromkeys((*ALWAYS, *(model for kind in ShapeKind for model in BY_SHAPE.get(kind, ())))):
        rows = [row for row, kind in enumerate(kinds) if model in ALWAYS or model in BY_SHAPE.get(kind.kind, ())]
        if not rows:
            continue
        tested = backtested(model, history.rows(rows), prices[rows])
        for at, row in enumerate(rows):
            if not tested.refused(at):
                found[row].append(_Chosen(model, tested.score(at), tested, at))
    return found


def _outlooks(history: History, questions: Sequence[Question]) -> list[Outlook]:
    """Outlooks of containers that all have a history."""
    kinds = shapes(history)
    found = _candidates(history, kinds, questions)
    chosen = [_cheapest(each) for each in found]
    made = _forecasts(chosen, questions, history)
    return [_assembled(history, row, kinds[row], chosen[row], made[row]) for row in range(len(questions))]


def _cheapest(found: Sequence[_Chosen]) -> _Chosen:
    """The model of one container, the baseline being the first that was tried."""
    at = choose([one.tested.candidate(one.row) for one in found])
    return replace(found[at], baseline=found[0].score)


def _forecasts(
    chosen: Sequence[_Chosen], questions: Sequence[Question], history: History
) -> list[tuple[FloatArray, FloatArray]]:
    """Level and demand of each container over its horizon, asked once for each model, horizon and overrun."""
    made: dict[int, tuple[FloatArray, FloatArray]] = {}
    groups: dict[tuple[str, int, float], list[int]] = {}
    for row, (one, question) in enumerate(zip(chosen, questions, strict=True)):
        groups.setdefault((one.model.name, question.horizon_s, question.overrun), []).append(row)
    for (_, horizon_s, overrun), rows in groups.items():
        intervals = math.ceil(horizon_s / history.grid.step_s)
        forecast = chosen[rows[0]].tested.fitted.forecast(intervals, (1 - overrun,))
        for row in rows:
            at = chosen[row].row
            level = forecast.mean[at]
            made[row] = level, np.fmin(forecast.quantiles[0, at], level)
    return [made[row] for row in range(len(chosen))]


def _assembled(
    history: History, row: int, kind: Shape, chosen: _Chosen, forecast: tuple[FloatArray, FloatArray]
) -> Outlook:
    level, demand = forecast
    grid = history.grid.after(level.size)
    seen, startup = float(peaks(history.usage[row])), float(history.startup_peak[row])
    return Outlook(
        made_at_s=history.grid.end_s,
        grid=grid,
        level=level,
        demand=demand,
        peak_at_s=int(grid.ends_s[int(np.argmax(level))]),
        seen_peak_bytes=math.ceil(seen if math.isnan(startup) else max(seen, startup)),
        startup_peak_bytes=None if math.isnan(startup) else math.ceil(startup),
        jumps=chosen.tested.jumps[chosen.row],
        rises=chosen.tested.rises[chosen.row],
        days=float(history.observed_days()[row]),
        model=chosen.model.name,
        score=chosen.score,
        baseline=BASELINE.name,
        baseline_score=chosen.baseline,
        shape=kind,
    )
