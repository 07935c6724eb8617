"""Room for jumps by a model learned across containers, beside the pooled record that sizes use.

Usage: python bench/learned.py TRACE.parquet (needs scikit-learn, which is no dependency of the project). Three minutes.

Both are asked every six hours, from the third day on, for the room above the level that `RecentPeak` and the fast clock
hold, at the price of a kill that a Guaranteed container has by default. The record is `forecasting.jumps`, pooled
over what was known at that moment of every container of the trace, as in a cluster. The learned model is a gradient
boosted classifier for each of a few growths ("will the next hours pass it?"); its features are the container's own
record, that of its siblings, namespace and cluster (the very numbers of the pooled one), the level, and how the last
day moved. It is trained on the other folds of namespaces, all of their moments included, and asked for the fold that it
has not seen. What either costs is added up over the next six hours: room held, and kills at their price.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plays
from sklearn.ensemble import HistGradientBoostingClassifier

from foresize_forecast.forecasting.jumps import (
    OFFSET_BYTES,
    PRIOR_SHARES,
    STEPS,
    Jumps,
    Kin,
    Tail,
    held_for,
    jumps_above,
    pooled,
    together,
)
from foresize_forecast.forecasting.levels import in_force
from foresize_forecast.forecasting.models.peaks import RecentPeak
from foresize_forecast.replay.folds import folds
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import BoolArray, ContainerKey, FloatArray, History, IntArray
from foresize_forecast.sizes import GIB

KILL_COST_BYTES = 2.0 * GIB
HOUR_S = 3600
EVERY_HOURS = 6
FIRST_HOURS = 48
PLACES: tuple[int, ...] = (1, 5, 10, 20, 30, 45, 60, 90)
"""Of `STEPS`: growths of 1, 5, 10, 22, 35 % and two, three and eight-fold."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known, and what then comes, of all containers at one hour.

    Attributes:
        features: shape (containers, features).
        ours: the pooled tail of each.
        level: shape (containers,), bytes held now.
        highest: shape (containers, hours), the logarithm of growth of each of the next hours; NaN where not measured.
    """

    features: FloatArray
    ours: Sequence[Tail]
    level: FloatArray
    highest: FloatArray


def main(path: Path) -> None:
    """Print what both cost, in all and by fold."""
    trace = plays.read(path)
    fold = folds(trace)
    moments = list(_moments(trace))
    growth = {"pooled record": _by_record(moments), "learned, unseen namespaces": _learned(moments, fold)}
    growth["no room at all"] = [np.zeros_like(one.level) for one in moments]
    growth["known in advance"] = [_oracle(one) for one in moments]
    print(f"{len(moments)} moments of {fold.size} containers")
    for name, grown in growth.items():
        room, kills = _cost(moments, grown)
        total = room + kills * KILL_COST_BYTES
        by_fold = ", ".join(f"{total[fold == each].sum() / GIB:.0f}" for each in range(fold.max() + 1))
        print(
            f"{name:28} room {room.sum() / GIB:7.1f} GiB days, kills {kills.sum():5.0f},"
            f" together {total.sum() / GIB:7.1f} GiB days; by fold {by_fold}"
        )


def _moments(trace: Trace) -> Sequence[Moment]:
    step_s = trace.grid.step_s
    hour = HOUR_S // step_s
    keys = tuple(ContainerKey(*each) for each in zip(trace.namespaces, trace.series, trace.siblings, strict=True))
    history = History(trace.grid, keys, trace.usage, np.full(len(keys), np.nan))
    held = in_force(trace.usage, RecentPeak().fit(history).path(), step_s)
    grown = np.log((trace.usage + OFFSET_BYTES) / (held + OFFSET_BYTES))
    unchanged = np.zeros(len(keys), dtype=np.int64)
    found = []
    for at in range(FIRST_HOURS * hour, trace.grid.count - EVERY_HOURS * hour + 1, EVERY_HOURS * hour):
        records = jumps_above(trace.usage[:, :at], held[:, :at], step_s, unchanged)
        kin = _kin(trace, records)
        ours = [pooled(own, of) for own, of in zip(records, kin, strict=True)]
        ahead = grown[:, at : at + EVERY_HOURS * hour].reshape(len(keys), EVERY_HOURS, hour)
        found.append(Moment(_features(trace, at, held[:, at], records, kin), ours, held[:, at], _highest(ahead)))
        print(f"\r{at / trace.grid.count:.0%}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found


def _highest(values: FloatArray) -> FloatArray:
    """Over the last axis; NaN where nothing is known."""
    filled = np.where(np.isnan(values), -np.inf, values).max(axis=-1)
    return np.where(np.isneginf(filled), np.nan, filled)


def _kin(trace: Trace, records: Sequence[Jumps]) -> list[Kin]:
    siblings, namespaces = list(zip(trace.namespaces, trace.siblings, strict=True)), list(trace.namespaces)
    of_siblings, of_spaces = _sums(records, siblings), _sums(records, namespaces)
    cluster = together(records)
    return [
        Kin(of_siblings[sibling], of_spaces[space], cluster)
        for sibling, space in zip(siblings, namespaces, strict=True)
    ]


def _sums(records: Sequence[Jumps], groups: Sequence[Hashable]) -> dict[Hashable, Jumps]:
    """The records of each group as one."""
    members: dict[Hashable, list[Jumps]] = {}
    for record, group in zip(records, groups, strict=True):
        members.setdefault(group, []).append(record)
    return {group: together(of) for group, of in members.items()}


def _features(trace: Trace, at: int, level: FloatArray, records: Sequence[Jumps], kin: Sequence[Kin]) -> FloatArray:
    day = 24 * HOUR_S // trace.grid.step_s
    last = trace.usage[:, at - day : at]
    with np.errstate(all="ignore"):
        highest, lowest = _highest(last), -_highest(-last)
        middle, newest = np.nanmedian(np.where(np.isnan(last).all(axis=1, keepdims=True), 0, last), axis=1), last[:, -1]
        moved = np.nanstd(np.diff(last, axis=1), axis=1)
    columns = [
        np.log(level + OFFSET_BYTES),
        *(np.log((each + OFFSET_BYTES) / (level + OFFSET_BYTES)) for each in (highest, lowest, middle, newest)),
        moved / (level + OFFSET_BYTES),
        np.isnan(last).mean(axis=1),
    ]
    shares = [
        np.concatenate([_shares(own), _shares(of.siblings), _shares(of.namespace), _shares(of.cluster)])
        for own, of in zip(records, kin, strict=True)
    ]
    return np.column_stack([*columns, np.array(shares)])


def _shares(record: Jumps) -> FloatArray:
    chosen = list(PLACES)
    return np.append((record.counts[chosen] + 24 * PRIOR_SHARES[chosen]) / (record.hours + 24), record.hours)


def _by_record(moments: Sequence[Moment]) -> list[FloatArray]:
    return [
        np.array([_growth(level, tail.shares) for level, tail in zip(one.level, one.ours, strict=True)])
        for one in moments
    ]


def _growth(level: float, shares: FloatArray) -> float:
    """The growth, a logarithm, whose room is cheapest."""
    if np.isnan(level):
        return 0.0
    return float(np.log((held_for(level, Tail(shares), KILL_COST_BYTES) + OFFSET_BYTES) / (level + OFFSET_BYTES)))


def _learned(moments: Sequence[Moment], fold: IntArray) -> list[FloatArray]:
    """Growths from models of the other folds."""
    found = [np.zeros_like(one.level) for one in moments]
    for each in range(fold.max() + 1):
        train, test = fold != each, fold == each
        chances = np.stack([_chance(moments, train, test, place) for place in PLACES], axis=-1)
        chances = np.minimum.accumulate(chances, axis=-1)
        for number, one in enumerate(moments):
            rows = np.flatnonzero(test)
            for row, chance in zip(rows, chances[number], strict=True):
                shares = np.exp(np.interp(STEPS, STEPS[list(PLACES)], np.log(chance)))
                found[number][row] = _growth(float(one.level[row]), shares)
        print(f"\rfold {each}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found


def _chance(moments: Sequence[Moment], train: BoolArray, test: BoolArray, place: int) -> FloatArray:
    """Share of hours that pass a step, shape (moments, containers of the fold)."""
    features = np.concatenate([one.features[train] for one in moments])
    passed = np.concatenate([_passed(one, place)[train] for one in moments])
    known = ~np.isnan(passed)
    asked = np.concatenate([one.features[test] for one in moments])
    weights = np.concatenate([passed[known], 1 - passed[known]])
    labels = np.repeat([1, 0], known.sum())
    if not passed[known].any():
        return np.full((len(moments), int(test.sum())), 1e-6)
    model = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.08, max_leaf_nodes=8, min_samples_leaf=60, l2_regularization=5.0, random_state=0
    )
    model.fit(np.tile(features[known], (2, 1)), labels, sample_weight=weights)
    return np.maximum(model.predict_proba(asked)[:, 1], 1e-6).reshape(len(moments), -1)


def _passed(one: Moment, place: int) -> FloatArray:
    """Share of the next hours that passed a step; NaN where none was measured."""
    measured = np.count_nonzero(~np.isnan(one.highest), axis=1)
    over = np.count_nonzero(one.highest > STEPS[place], axis=1)
    return np.divide(over, measured, out=np.full(measured.shape, np.nan), where=measured > 0)


def _oracle(one: Moment) -> FloatArray:
    """The room that would have been cheapest."""
    found = np.zeros_like(one.level)
    for row, (level, highest) in enumerate(zip(one.level, one.highest, strict=True)):
        known = highest[~np.isnan(highest)]
        if known.size and not np.isnan(level):
            shares = np.array([(known > step).mean() for step in STEPS])
            found[row] = _growth(float(level), shares)
    return found


def _cost(moments: Sequence[Moment], grown: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Room (bytes x days) and kills of each container."""
    room, kills = np.zeros(moments[0].level.size), np.zeros(moments[0].level.size)
    for one, growth in zip(moments, grown, strict=True):
        measured = ~np.isnan(one.highest)
        room += np.nan_to_num((one.level + OFFSET_BYTES) * np.expm1(growth)) * measured.sum(axis=1) / 24
        kills += (measured & (one.highest > growth[:, np.newaxis])).sum(axis=1)
    return room, kills


if __name__ == "__main__":
    main(Path(sys.argv[1]))
