"""The slow clock's one question: many histories in, an outlook for each container out.

The running operator (in worker processes) and a replay call this same function. The same history and questions give
the same answer on every run: nothing here draws a random number or reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.calibrate import (
    ORIGINS,
    Margins,
    Record,
    margins,
    origin_columns,
    peak,
    record,
    span_intervals,
    tried,
)
from foresize_forecast.choose import Candidate, choose
from foresize_forecast.models import Model
from foresize_forecast.models.peaks import RecentPeak, seasonal_peaks
from foresize_forecast.models.prophet import Prophet
from foresize_forecast.models.trend import Trend
from foresize_forecast.outlook import NoOutlook, Outlook, Score, Shape, ShapeKind
from foresize_forecast.series import FloatArray, History, peaks
from foresize_forecast.shape import shapes

BASELINE = RecentPeak()
PERCENTILE = RecentPeak("Percentile", cost=2, level=0.95)
CHEAP_MODELS: tuple[Model, ...] = (BASELINE, PERCENTILE, Trend(), *seasonal_peaks())
PROPHET = Prophet()
PROPHET_ORIGINS = 5
"""Of seven: each costs a fit of about a tenth of a second."""
PROPHET_MIN_SLACK = 0.05
"""Prophet is tried only while the best cheap model loses at least what this much slack costs; below, it cannot pay."""
UNTRIED_MARGIN = 0.2
"""Added to the highest value while no forecast could be tried (less than a day and a half). A day's cycle is unseen
then; the recommenders in use add 10 to 15 % to whole days of history."""
MIN_HISTORY_S = 3600
MAX_BYTES = 1 << 50
"""1 PiB: no machine holds it, so a sample above is an error of measurement."""
ROWS_AT_ONCE = 64
"""Containers computed together: a week of minutes of 64 containers is 5 MiB an array."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a policy asks of one container's forecast."""

    overrun: float = 0.01
    """Accepted share of time above the request."""
    horizon_s: int = 86_400
    headroom: float = 0.3
    """Share of the peak that its limit adds; only the backtest's count of exceeded limits depends on it."""

    def __post_init__(self) -> None:
        if not 0 < self.overrun < 1 or self.horizon_s <= 0 or self.headroom < 0:
            raise ValueError(f"need 0 < overrun < 1, horizon_s > 0 and headroom >= 0, got {self}")


@dataclass(frozen=True, slots=True)
class _Tested:
    """A model's forecast of a batch for the coming horizon, with its margins and its record."""

    model: Model
    mean: FloatArray
    learnt: Margins
    record: Record

    def candidate(self, row: int) -> Candidate:
        losses = self.record.pinball[:, row]
        known = [at for at, loss in enumerate(losses) if not np.isnan(loss)]
        columns = self.record.columns
        return Candidate(
            self.model.name,
            self.model.cost,
            {columns[at]: float(losses[at]) for at in known},
            {columns[at]: bool(self.record.exceeded[at, row]) for at in known},
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Containers of one horizon: their history and what is asked."""

    history: History
    overruns: FloatArray
    headrooms: FloatArray
    horizon_s: int

    def test(self, model: Model, most_origins: int) -> _Tested:
        """Try a model on the past, then ask it for the coming horizon."""
        grid = self.history.grid
        span = span_intervals(grid, self.horizon_s)
        trials = tried(model, self.history, origin_columns(grid, span, most_origins), span)
        mean = model.fit(self.history).forecast(math.ceil(self.horizon_s / grid.step_s), ()).mean
        return _Tested(model, mean, margins(trials, self.overruns), record(trials, self.overruns, self.headrooms))

    def row(self, row: int) -> _Batch:
        """The batch of one container."""
        rows = slice(row, row + 1)
        return _Batch(self.history.rows([row]), self.overruns[rows], self.headrooms[rows], self.horizon_s)


def outlooks(history: History, questions: Sequence[Question]) -> list[Outlook | NoOutlook]:
    """Forecast every container of a history.

    Args:
        history: usage of many containers on one grid.
        questions: one for each container, in the history's order.

    Returns:
        In the same order, a calibrated outlook or the reason why there is none.

    Raises:
        ValueError: there are not as many questions as containers.
    """
    if len(questions) != len(history.containers):
        raise ValueError(f"{len(questions)} questions for {len(history.containers)} containers")
    answers: list[Outlook | NoOutlook | None] = [refusal(history, row) for row in range(len(questions))]
    for horizon_s in sorted({question.horizon_s for question in questions}):
        rows = [
            row for row, question in enumerate(questions) if answers[row] is None and question.horizon_s == horizon_s
        ]
        for at in range(0, len(rows), ROWS_AT_ONCE):
            chunk = rows[at : at + ROWS_AT_ONCE]
            for row, outlook in zip(chunk, _outlooks(history, chunk, questions), strict=True):
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


def _outlooks(history: History, rows: list[int], questions: Sequence[Question]) -> list[Outlook]:
    """Outlooks of some rows that share a horizon."""
    asked = [questions[row] for row in rows]
    batch = _Batch(
        history.rows(rows),
        np.array([question.overrun for question in asked]),
        np.array([question.headroom for question in asked]),
        asked[0].horizon_s,
    )
    kinds = shapes(batch.history)
    cheap = [batch.test(model, ORIGINS) for model in CHEAP_MODELS]
    return [_outlook(batch, cheap, row, kinds[row]) for row in range(len(rows))]


def _outlook(batch: _Batch, cheap: list[_Tested], row: int, kind: Shape) -> Outlook:
    """Choose one container's model and put its outlook together."""
    able = [tested for tested in cheap if not np.isnan(tested.mean[row]).any()]
    chosen, at = able[choose([tested.candidate(row) for tested in able])], row
    if _prophet_can_pay(batch, row, kind, chosen):
        prophet = batch.row(row).test(PROPHET, PROPHET_ORIGINS)
        if not np.isnan(prophet.mean).any() and choose([chosen.candidate(row), prophet.candidate(0)]) == 1:
            chosen, at = prophet, 0
    return _assembled(batch, row, kind, (chosen, at), cheap[0].record.score(row))


def _prophet_can_pay(batch: _Batch, row: int, kind: Shape, best: _Tested) -> bool:
    """Whether a fit is worth its time.

    Only for a curve with a season or a trend (a leak is a line, bursts come without a rule), not before Prophet's own
    minimum of days, not where nothing could be tried, and not where the best cheap model already loses less than
    `PROPHET_MIN_SLACK` of slack would.
    """
    score = best.record.score(row)
    if kind.kind not in {ShapeKind.SEASONAL, ShapeKind.GROWING} or score is None:
        return False
    days = float(batch.history.observed_days()[row])
    return days >= PROPHET.min_days and score.pinball > PROPHET_MIN_SLACK * batch.overruns[row]


def _assembled(
    batch: _Batch, row: int, kind: Shape, chosen: tuple[_Tested, int], baseline_score: Score | None
) -> Outlook:
    """The outlook by the chosen model (and the row it has in its own batch)."""
    tested, at = chosen
    history, mean = batch.history, tested.mean[at]
    seen = float(peaks(history.usage[row]))
    score = tested.record.score(at)
    if score is None:
        mean = np.full_like(mean, float(mean.max()))
        demand = mean * (1 + UNTRIED_MARGIN)
        highest = float(demand.max())
    else:
        demand = np.maximum(mean + tested.learnt.step[at], 0.0)
        over = Margins(tested.learnt.step[at], tested.learnt.peak_over_mean[at], tested.learnt.peak_over_seen[at])
        highest = float(max(peak(np.asarray(mean.max()), np.asarray(seen), over), demand.max()))
    grid = history.grid.after(mean.size)
    startup = float(history.startup_peak[row])
    return Outlook(
        made_at_s=history.grid.end_s,
        grid=grid,
        mean=mean,
        demand=demand,
        peak_bytes=math.ceil(highest),
        peak_low_bytes=min(math.ceil(mean.max()), math.ceil(highest)),
        peak_at_s=int(grid.ends_s[int(np.argmax(demand))]),
        seen_peak_bytes=math.ceil(seen if math.isnan(startup) else max(seen, startup)),
        startup_peak_bytes=None if math.isnan(startup) else math.ceil(startup),
        days=float(history.observed_days()[row]),
        model=tested.model.name,
        score=score,
        baseline=BASELINE.name,
        baseline_score=baseline_score,
        shape=kind,
    )
