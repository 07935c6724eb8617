"""Settings that are chosen by figures, and what they come to on series that had no part in the choice. Pure.

The figures of a setting that was chosen by them flatter it. So each fold of namespaces gets the setting that was best
on the others, and its series are scored by that one; every series is scored once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.figures import Figures, figures
from foresize_forecast.replay.playing import Play
from foresize_forecast.replay.runs import Runs, runs
from foresize_forecast.replay.tally import Tally, together
from foresize_forecast.series import IntArray

SHARE_OF_EPISODES = 0.5
"""Of the baseline's kill episodes: what a tied size may have."""
MOST_KILL_MINUTES = 0.0065
"""A day and container, with request and limit apart."""
MOST_OVERRUN = 0.002


@dataclass(frozen=True, slots=True)
class Choice:
    """The setting that some series speak for.

    Attributes:
        setting: its place among those that were tried.
        keeps: whether it keeps what is asked; else none does, and it is the least of the evils.
    """

    setting: int
    keeps: bool


Objective = Callable[[Sequence[Figures], Figures], Choice]
"""The choice by the figures of every setting and of the baseline, all on the same series."""


def cheapest_tied(found: Sequence[Figures], baseline: Figures) -> Choice:
    """Where request and limit are one: least slack bytes of those with half of the baseline's kill episodes at most.

    If none has: the fewest episodes. Ties go to the cheaper one, then to the first.
    """
    most = SHARE_OF_EPISODES * baseline.kill_episodes_per_day
    return _cheapest(
        [each.slack_bytes for each in found],
        [each.kill_episodes_per_day for each in found],
        [each.kill_episodes_per_day <= most for each in found],
    )


def cheapest_apart(found: Sequence[Figures], baseline: Figures) -> Choice:
    """Where they are apart: lowest limit ratio of those within `MOST_KILL_MINUTES` and `MOST_OVERRUN`.

    If none is: the fewest kill minutes. Ties go to the cheaper one, then to the first. The baseline bears on nothing.
    """
    del baseline
    return _cheapest(
        [each.limit_ratio for each in found],
        [each.kill_minutes_per_day for each in found],
        [each.kill_minutes_per_day <= MOST_KILL_MINUTES and each.overrun <= MOST_OVERRUN for each in found],
    )


def _cheapest(costs: Sequence[float], risks: Sequence[float], keeps: Sequence[bool]) -> Choice:
    places = range(len(costs))
    if any(keeps):
        return Choice(min((at for at in places if keeps[at]), key=lambda at: costs[at]), keeps=True)
    return Choice(min(places, key=lambda at: (risks[at], costs[at])), keeps=False)


def choices(tried: Sequence[Tally], baseline: Tally, fold: IntArray, objective: Objective) -> Mapping[int, Choice]:
    """The choice for each fold that has series, by the series of all others.

    Args:
        tried: of every setting, on the same series.
        baseline: of what they are compared with.
        fold: shape (series,): the fold of each series.
        objective: what chooses.

    Raises:
        ValueError: a fold's others hold nothing that is measured, so that nothing speaks for a setting.
    """
    made = {}
    for held_out in np.unique(fold).tolist():
        others = fold != held_out
        if not baseline.weight[others].any():
            raise ValueError(f"all that is measured is in fold {held_out}: two namespaces are the least to choose by")
        on_others = [figures(each.rows(others)) for each in tried]
        made[held_out] = objective(on_others, figures(baseline.rows(others)))
    return made


def picks(fold: IntArray, made: Mapping[int, Choice]) -> IntArray:
    """The setting that each series is scored by, shape (series,)."""
    return np.array([made[each].setting for each in fold.tolist()], dtype=np.int64)


def composed(plays: Sequence[Play], picked: IntArray) -> Play:
    """One play of the series that each of several contributes.

    Args:
        plays: of the same series.
        picked: shape (series,): the play that a series is taken from.
    """
    rows = [np.flatnonzero(picked == at) for at in range(len(plays))]
    back = np.argsort(np.concatenate(rows), kind="stable")
    tallies = [play.tally.rows(chosen) for play, chosen in zip(plays, rows, strict=True)]
    return Play(
        together(tallies).rows(back),
        _composed([play.request for play in plays], rows, back),
        _composed([play.limit for play in plays], rows, back),
    )


def _composed(sizes: Sequence[Runs], rows: Sequence[IntArray], back: IntArray) -> Runs:
    parts = [each.dense()[chosen] for each, chosen in zip(sizes, rows, strict=True) if chosen.size]
    return runs(np.concatenate(parts)[back])
