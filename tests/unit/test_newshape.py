"""A deploy that makes another kind of curve is named, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import NOW_S
from foresize_forecast.deciding.newshape import TOLD_WITHIN_S, after_look
from foresize_forecast.deciding.state import Shapes, WorkloadState
from foresize_forecast.deciding.stored import dump, load
from foresize_forecast.forecasting.outlook import ShapeKind

FLAT, LEAKING = ShapeKind.FLAT, ShapeKind.LEAKING
OLD = Shapes(FLAT, "old")
NEW = Shapes(FLAT, "new", before=FLAT)


def test_the_first_kind_is_no_news() -> None:
    """Nothing was there before it."""
    assert Shapes(LEAKING, "old") == after_look(None, LEAKING, "old", NOW_S, NOW_S)


def test_a_kind_that_changes_within_a_week_of_a_deploy_is_told() -> None:
    """Flat under the old revision, leaking under the new one: three days later its samples show it."""
    came = after_look(OLD, FLAT, "new", NOW_S, NOW_S)
    assert NEW == came

    leaks = after_look(came, LEAKING, "new", NOW_S, NOW_S + 3 * 86_400.0)
    assert Shapes(LEAKING, "new", before=FLAT, changed_at_s=NOW_S + 3 * 86_400.0) == leaks
    assert leaks == after_look(leaks, LEAKING, "new", NOW_S, NOW_S + 4 * 86_400.0)


def test_a_kind_that_changes_with_the_deploy_itself_is_told() -> None:
    """Both in one look."""
    found = after_look(OLD, LEAKING, "new", NOW_S, NOW_S)

    assert Shapes(LEAKING, "new", before=FLAT, changed_at_s=NOW_S) == found


@pytest.mark.parametrize(
    "known",
    [
        OLD,  # no deploy: it drifts
        replace(NEW, changed_at_s=NOW_S - 60.0),  # told already
        replace(NEW, kind=ShapeKind.BURSTY),  # it had changed before, too late to be the deploy's
    ],
)
def test_other_changes_are_no_news(known: Shapes) -> None:
    """The kind is kept up to date, and nobody is told."""
    found = after_look(known, LEAKING, known.revision, NOW_S - 60, NOW_S)

    assert found == replace(known, kind=LEAKING)


def test_a_week_later_it_is_not_the_deploys() -> None:
    """Too much else has happened."""
    late_s = NOW_S + TOLD_WITHIN_S + 1.0

    assert replace(NEW, kind=LEAKING) == after_look(NEW, LEAKING, "new", NOW_S, late_s)


@pytest.mark.parametrize(("kind", "revision"), [(ShapeKind.UNKNOWN, "new"), (LEAKING, "")])
def test_what_is_not_known_changes_nothing(kind: ShapeKind, revision: str) -> None:
    """No history, or a kind of workload without revisions."""
    assert OLD == after_look(OLD, kind, revision, NOW_S, NOW_S)


def test_it_survives_the_operator() -> None:
    """It is stored with the rest of the memory."""
    for shapes in (OLD, NEW, replace(NEW, kind=LEAKING, changed_at_s=NOW_S)):
        state = WorkloadState()
        state = state.with_container("app", replace(state.container("app"), shapes=shapes))
        assert state == load(dump(state))
