"""What the documents say, held against the code."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from builders import NOW_S, evidence, forecasted, mi, size
from foresize_forecast.choices import TOLERANCE_DOWN
from foresize_forecast.decide import decide
from foresize_forecast.ladder import after_kill
from foresize_forecast.pods import Kill
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import ContainerPolicy, Size, WorkloadPolicy
from foresize_forecast.state import ContainerState

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("charts/*/README.md")])
SOURCES = [ROOT / "operator" / "foresize", ROOT / "forecaster" / "foresize_forecast"]
HANDS = {path.stem for path in SOURCES[0].glob("*.py")}
UNITS = {"": 1, "%": 0.01, "MiB": 1 << 20, "s": 1, "min": 60, "h": 3600, "d": 86_400}
NUMBER = re.compile(r"^\|[^|]+\| ([\d.]+) ?(%|MiB|s|min|h|d|) \| `(\w+)\.(\w+)` \|$", re.MULTILINE)
HOUR_S = 3600


def numbers() -> Iterator[tuple[str, str, float]]:
    """(module, constant, value in base units) of each row of the table of numbers."""
    for value, unit, module, constant in NUMBER.findall((ROOT / "docs" / "how-it-decides.md").read_text()):
        yield module, constant, float(value) * UNITS[unit]


@pytest.mark.parametrize(("module", "constant", "told"), list(numbers()))
def test_the_numbers_in_the_documents_are_those_of_the_code(module: str, constant: str, told: float) -> None:
    """Who reads how it decides reads what it does."""
    package = "foresize" if module in HANDS else "foresize_forecast"
    value = float(getattr(importlib.import_module(f"{package}.{module}"), constant))

    # Spans of history are kept in days.
    assert told == pytest.approx(value * 86_400 if constant.endswith("_DAYS") else value)


def test_every_number_is_compared() -> None:
    """A row that cannot be read is not a row that is skipped."""
    table = (ROOT / "docs" / "how-it-decides.md").read_text().partition("## The numbers")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| number"))]

    assert len(rows) == len(list(numbers())) > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_files_in_the_documents_are_there(page: Path) -> None:
    """No page sends its reader to a file that does not exist."""
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if "://" not in link]
    paths = re.findall(
        r"`((?:operator|forecaster|foresize_forecast|charts|crds|docs|tests|dev|examples|bench)/[\w./-]*)`", text
    )
    modules = re.findall(r"`([a-z_]+\.py)`", text)

    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists() and not (ROOT / "forecaster" / path).exists()]
    missing += [name for name in modules if not any(any(source.rglob(name)) for source in SOURCES)]

    assert [] == missing


# The example of docs/how-it-decides.md. It starts at midnight, which is NOW_S here: 300 MiB in the tenth hour.
DEMAND_MIB = [300.0 if 9 <= step / 12 < 10 else 100.0 for step in range(288)]


def at(hours: float, present: Size, state: ContainerState) -> tuple[Size, Reason, ContainerState]:
    """One decision of the example."""
    forecast = forecasted(DEMAND_MIB, lead_s=600)
    verdict, state = decide(
        state, evidence(present, usage_mib=90), forecast, (WorkloadPolicy(), ContainerPolicy()), NOW_S + hours * HOUR_S
    )
    return verdict.target, verdict.reason, state


def test_the_example_of_a_day_is_what_is_decided() -> None:
    """Lowered at midnight, raised ten minutes before nine, lowered half an hour after ten."""
    tick_h = 15 / HOUR_S
    midnight, _, state = at(0, size(200, 256), ContainerState())
    before, _, state = at(8 + 50 / 60 - tick_h, midnight, state)
    ahead, why, state = at(8 + 50 / 60, before, state)
    last, _, state = at(10 - tick_h, ahead, state)
    cooling, waits, state = at(10.5 - 2 * tick_h, last, state)
    after, passed, _ = at(10.5, cooling, state)

    assert [size(103, 406), size(103, 406)] == [midnight, before]
    assert [size(300, 406)] * 3 == [ahead, last, cooling]
    assert size(103, 406) == after
    assert [Reason.PEAK_AHEAD, Reason.COOLDOWN, Reason.PEAK_PASSED] == [why, waits, passed]


def test_the_example_of_a_kill_is_what_is_decided() -> None:
    """Doubled at once, and two weeks later down by halves until it is within tolerance."""
    state = ContainerState(target=size(103, 406), request_needed_at_s=NOW_S)
    killed = after_kill(state, Kill(NOW_S + 12.0 * HOUR_S, mi(406)))
    doubled, why, state = at(12, size(103, 406), killed)
    limits = [doubled.limit_bytes or 0]
    hours = 12 + 14 * 24 + 0.5
    for _ in range(6):
        target, _, state = at(hours, Size(mi(103), limits[-1]), replace(state, request_needed_at_s=NOW_S))
        limits.append(target.limit_bytes or 0)
        hours += 0.5

    assert Reason.OOM_KILLED is why
    assert [mi(each) for each in (812, 609, 508, 457, 432, 432, 432)] == limits
    assert mi(406) >= mi(432) * (1 - TOLERANCE_DOWN)
    assert all(higher >= lower for higher, lower in pairwise(limits))
