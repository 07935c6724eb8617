"""What `docs/exact-prophet.md` says, held against the solver and stock Prophet."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from prophet import Prophet

from foresize_forecast.exactprophet import Model, Seasonality, Status
from foresize_forecast.exactprophet.fitting import CERTIFIED_NATS, FEW
from foresize_forecast.exactprophet.problem import MAX_EVALUATIONS
from foresize_forecast.exactprophet.search import FLOOR, TOLERANCE_NATS

PAGE = (Path(__file__).parents[2] / "docs" / "exact-prophet.md").read_text()
COVERED = re.findall(r"^\| (.+?) \| (.+?) \| (.*?) ?\|$", PAGE.partition("## What it covers")[2], re.MULTILINE)


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Copied into a file it runs, and ends as the page shows."""
    program = PAGE.partition("```python\n")[2].partition("```")[0]
    told = PAGE.partition("prints\n\n")[2].partition("\n\n")[0]
    exec(compile(program, "example", "exec"), {})  # noqa: S102 - the page's own
    assert [line.strip() for line in told.splitlines()] == capsys.readouterr().out.splitlines()


def test_every_setting_of_stock_prophet_is_in_the_table() -> None:
    """Whoever knows Prophet finds each of its arguments and ways to add something, covered or not."""
    named = " ".join(row[0] + row[2] for row in COVERED)
    settings = [name for name in inspect.signature(Prophet.__init__).parameters if name != "self"]
    settings += ["add_seasonality", "add_regressor", "add_country_holidays"]
    assert [] == [name for name in settings if not re.search(rf"`{name}[`=]", named)]


@pytest.mark.parametrize(
    "asked",
    [
        {"growth": "logistic"},
        {"holidays": None},
        {"seasonality_mode": "multiplicative"},
        {"scaling": "minmax"},
        {"mcmc_samples": 100},
        {"changepoints": ["2026-01-01"]},
    ],
)
def test_what_is_not_covered_cannot_be_asked_for(asked: dict[str, Any]) -> None:
    """Nothing of Prophet is taken as an argument and then left out of the fit."""
    with pytest.raises((TypeError, ValueError)):
        Model(**asked)


def test_each_field_of_a_model_is_told() -> None:
    """The fields of a model and of a season are all that there is, and each is in the table."""
    told = {"growth", "seasonalities", "changepoints", "changepoint_range", "changepoint_prior_scale"}
    assert told == {field.name for field in dataclasses.fields(Model)}
    assert {"name", "period_s", "order", "prior_scale"} == {field.name for field in dataclasses.fields(Seasonality)}


def test_every_status_is_told() -> None:
    """A reader of the page knows each answer that a series may have."""
    assert [status.name for status in Status] == re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (CERTIFIED_NATS, "more than the certificate, at most {} nats"),
        (TOLERANCE_NATS, "until it is within {} nats"),
        (FLOOR, "not let below {}"),
        (FLOOR**0.5, "held at {} of the scale"),
        (MAX_EVALUATIONS, "where {} noise scales were not enough"),
        (FEW, "Up to\n{} series of a pattern"),
        (Model().changepoints, "at most {} slope changes"),
    ],
)
def test_the_numbers_are_the_codes(value: float, told: str) -> None:
    """Tolerances, counts and the floor are those that the search works with."""
    number = re.search(re.escape(told).replace(re.escape("{}"), r"([\d.e-]+)"), PAGE)
    assert number is not None
    assert float(number[1]) == pytest.approx(value)
