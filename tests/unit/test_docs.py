"""What the documents say, held against the code."""

from __future__ import annotations

import importlib
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import NOW_S, evidence, forecasted, mi, size
from foresize_forecast.deciding import stored
from foresize_forecast.deciding.decide import decide
from foresize_forecast.deciding.ladder import after_kill
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting import jumps
from foresize_forecast.forecasting.forecast import ALWAYS, BY_SHAPE
from foresize_forecast.forecasting.jumps import (
    GROWTHS,
    HALF_LIFE_HOURS,
    NO_JUMPS,
    NO_KIN,
    OFFSET_BYTES,
    PRIOR,
    PRIOR_DAY,
    STEPS,
    Jumps,
    Kin,
    Tail,
    held_for,
    pooled,
)
from foresize_forecast.forecasting.outlook import ShapeKind
from foresize_forecast.pods import Kill
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import GIB, MIB, ContainerPolicy, LimitStrategy, Size, WorkloadPolicy, rounded_up
from foresize_forecast.sizing.wanted import kill_cost_bytes, wanted

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("charts/*/README.md")])
SOURCES = [ROOT / "operator" / "foresize", ROOT / "forecaster" / "foresize_forecast"]
MODULES = {
    path.stem: ".".join(path.relative_to(source.parent).with_suffix("").parts)
    for source in SOURCES
    for path in source.glob("**/*.py")
    if "webhook" not in path.parts
}
"""Where a module is, by the name that the documents call it; the webhook stands alone."""
UNITS = {"": 1, "%": 0.01, "MiB": 1 << 20, "s": 1, "min": 60, "h": 3600, "d": 86_400}
NUMBER = re.compile(r"^\|[^|]+\| ([\d.]+) ?(%|MiB|s|min|h|d|) \| `(\w+)\.(\w+)` \|$", re.MULTILINE)
HOUR_S = 3600
SPANS = {"_DAYS": 86_400, "_HOURS": HOUR_S}


def numbers() -> Iterator[tuple[str, str, float]]:
    """(module, constant, value in base units) of each row of the table of numbers."""
    for value, unit, module, constant in NUMBER.findall((ROOT / "docs" / "how-it-decides.md").read_text()):
        yield module, constant, float(value) * UNITS[unit]


@pytest.mark.parametrize(("module", "constant", "told"), list(numbers()))
def test_the_numbers_in_the_documents_are_those_of_the_code(module: str, constant: str, told: float) -> None:
    """Who reads how it decides reads what it does."""
    value = float(getattr(importlib.import_module(MODULES[module]), constant))

    # Spans of history are kept in days, or in hours.
    unit_s = next((seconds for ending, seconds in SPANS.items() if constant.endswith(ending)), 1)
    assert told == pytest.approx(value * unit_s)


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
TICK_H = 15 / HOUR_S


def at(
    hours: float, present: Size, state: ContainerState, *, used_mib: float | None = None, made_at_s: int = NOW_S
) -> tuple[Size, Reason, ContainerState]:
    """One decision of the example."""
    forecast = forecasted(DEMAND_MIB, lead_s=600, cooldown_s=7200, tail=PRIOR, made_at_s=made_at_s)
    usage_mib = used_mib or (290 if 9 <= hours < 10 else 90)
    seen = evidence(present, usage_mib=usage_mib, sustained_bytes=usage_mib * MIB)
    verdict, state = decide(state, seen, forecast, (WorkloadPolicy(), ContainerPolicy()), NOW_S + hours * HOUR_S)
    return verdict.target, verdict.reason, state


def day() -> list[tuple[str, Size]]:
    """Every change of the example's day, decided each tick: time of day to the nearest minute, and the new size."""
    found: list[tuple[str, Size]] = []
    present, state = size(200, 256), ContainerState()
    for tick in range(24 * HOUR_S // 15):
        before, (present, _, state) = present, at(tick * TICK_H, present, state)
        if present != before:
            minute = round(tick / 4)
            found.append((f"{minute // 60:02}:{minute % 60:02}", present))
    return found


def test_the_example_of_a_day_is_what_is_decided() -> None:
    """Raised ten minutes before nine, lowered after its cooldowns, the limit by half."""
    # The limit has 17.2 MiB of room and 10 % over 100 (128.97), then 26.4 MiB and 10 % over 300 (359.0).
    told = [
        ("00:00", size(101, 129)),
        ("08:50", size(303, 360)),
        ("10:50", size(303, 303)),
        ("12:00", size(101, 303)),
        ("12:50", size(101, 152)),
    ]
    assert dict(told) == dict(day())
    page = (ROOT / "docs" / "how-it-decides.md").read_text()
    assert [moment for moment, _ in told] == re.findall(r"^\| (\d\d:\d\d) \|", page, re.MULTILINE)


def test_the_example_of_a_kill_is_what_is_decided() -> None:
    """Doubled at once, a fifth above the limit that killed after a day, nothing of it once the need is known."""
    state = ContainerState(target=size(101, 303), request_needed_at_s=NOW_S)
    killed = after_kill(state, Kill(NOW_S + 12.0 * HOUR_S, mi(303)))
    doubled, why, state = at(12, size(101, 303), killed)
    _, _, later = at(36 + TICK_H, doubled, state)

    assert (size(101, 606), Reason.OOM_KILLED) == (doubled, why)
    # 1.2 x 303 is 363.6 MiB, which is set as 364.
    assert mi(364) == rounded_up(later.kill_floor_bytes)

    _, _, seen = at(12 + 1 / 12, doubled, state, used_mib=400)
    floors = [
        at(13.5, doubled, seen, made_at_s=NOW_S + made_h * HOUR_S - early_s)[2].kill_floor_bytes
        for made_h, early_s in ((13, 1), (13, 0))
    ]
    assert [mi(606), 0] == floors


def test_the_example_of_what_new_pods_get() -> None:
    """The highest step, and room over the highest level."""
    forecast = forecasted(DEMAND_MIB, lead_s=600, cooldown_s=7200, tail=PRIOR)
    policies = (WorkloadPolicy(), ContainerPolicy())
    verdict, _ = decide(ContainerState(), evidence(size(200, 256), usage_mib=90), forecast, policies, NOW_S)

    assert size(300, 360) == verdict.creation


SIZES_PAGE = (ROOT / "docs" / "how-it-sizes.md").read_text()
PRICE = kill_cost_bytes(ContainerPolicy())
"""Of the limit of a Burstable pod: 2 GiB reserved are 4 GiB of it."""
TIED = ContainerPolicy(limit=LimitStrategy.EQUAL_REQUEST)


def test_the_table_of_room_is_what_the_code_weighs() -> None:
    """Each row of idle bytes against kills is the formula's, and the cheapest room is the one that is taken."""
    rows = re.findall(
        r"^\| (none|[\d.]+ %) \| ([\d.]+) \| ([\d.]+) % \| ([\d.]+) \| ([\d.]+) \|$", SIZES_PAGE, re.MULTILINE
    )
    base = 300 * MIB + OFFSET_BYTES
    for room, *told in rows:
        step = 0 if room == "none" else int(abs(GROWTHS * 100 - float(room[:-2])).argmin())
        idle, share = base * GROWTHS[step] / MIB, float(PRIOR.shares[step])
        kills = PRICE / MIB * 24 * share
        assert [float(each) for each in told] == pytest.approx([idle, share * 100, kills, idle + kills], abs=0.06)
    assert len(rows) == 4

    # 7.3 % is the cheapest of all: (300 + 64) x exp(0.07) - 64; at half the price 5.1 %, x exp(0.05).
    assert held_for(300 * MIB, PRIOR, PRICE) / MIB == pytest.approx(326.4, abs=0.05)
    assert held_for(300 * MIB, PRIOR, kill_cost_bytes(TIED)) / MIB == pytest.approx(318.7, abs=0.05)
    assert (4 * GIB, 2 * GIB) == (PRICE, kill_cost_bytes(TIED))


def test_the_sizes_of_the_example_are_what_is_asked_for() -> None:
    """Of a Burstable pod, and of a Guaranteed one, in the hour of the peak."""
    forecast = forecasted([300.0], tail=PRIOR)

    # 326.4 x 1.1 = 359.03 and 318.7 x 1.02 = 325.04, in units of a MiB; the request gets its hundredth when it moves.
    assert size(300, 360) == wanted(forecast, mi(300), ContainerPolicy(), NOW_S).now
    assert size(326, 326) == wanted(forecast, mi(300), TIED, NOW_S).now
    assert all(told in SIZES_PAGE for told in ("is 360 MiB", "request 303 MiB", "size is 326 MiB", "318.7 MiB"))
    assert [mi(117.5), mi(327)] == [rounded_up(mi(each)) for each in (117.2, 326.4)]
    assert "117.2 MiB to 117.5, 326.4 to 327" in SIZES_PAGE


def test_what_is_held_over_other_levels_is_what_is_told() -> None:
    """By the usual tail, and after a fortnight with and without jumps."""
    hours = sum(0.5 ** (hour / HALF_LIFE_HOURS) for hour in range(14 * 24))
    quiet = pooled(Jumps(NO_JUMPS.counts, hours), NO_KIN)
    jumpy = pooled(Jumps(2.0 * (STEPS <= math.log(1.5)), hours), NO_KIN)

    def held(level_mib: float, tail: Tail) -> float:
        return held_for(level_mib * MIB, tail, PRICE) / MIB

    assert hours == pytest.approx(243, abs=0.5)
    usual = [held(level_mib, PRIOR) for level_mib in (100, 10, 4096)]
    assert usual == pytest.approx([117.2, 22.0, 4180], abs=0.06)
    assert [held(300, quiet), held(300, jumpy)] == pytest.approx([314.9, 490.0], abs=0.06)
    assert [held(4096, quiet), held(4096, jumpy)] == pytest.approx([4138, 4138], abs=0.5)
    for told in ("117.2 MiB over a level of 100", "22.0 MiB over 10", "4180 MiB", "314.9 MiB", "490 MiB", "4138 MiB"):
        assert told in SIZES_PAGE


def test_a_price_ten_times_as_high_buys_three_times_the_room() -> None:
    """The usual tail falls with the growth, so the cheapest room is a square root: of 10, 3.2."""
    room = [held_for(300 * MIB, PRIOR, price) - 300 * MIB for price in (PRICE, 10 * PRICE)]

    assert room[1] / room[0] == pytest.approx(math.sqrt(10), rel=0.05)


def test_every_model_is_in_the_table() -> None:
    """Name, shapes that it is tried on, and rank, as the code has them."""
    page = (ROOT / "docs" / "how-it-forecasts.md").read_text()
    told = re.findall(r"^\| `(\w+)` \| .* \| ([a-z, ]+) \| (\d+) \|$", page, re.MULTILINE)
    tried = {
        model.name: ([str(kind).lower() for kind in ShapeKind if model in BY_SHAPE.get(kind, ())], model.cost)
        for models in (ALWAYS, *BY_SHAPE.values())
        for model in models
    }

    assert {name: (sorted(names or ["all"]), cost) for name, (names, cost) in tried.items()} == {
        name: (sorted(shapes.split(", ")), int(rank)) for name, shapes, rank in told
    }


def test_the_formula_of_tails_is_the_codes() -> None:
    """The weights and the usual shares that the page writes out, and its example of 2.06 %."""
    page = (ROOT / "docs" / "how-it-forecasts.md").read_text()
    weights = [int(each) for each in re.findall(r"\+ +(\d+) x share\(", page)]
    step = 10
    siblings = Jumps(0.01 * 1e12 * (STEPS <= STEPS[step]), 1e12)  # so long on record that nothing else counts
    own = Jumps(3.0 * (STEPS <= STEPS[step]), 96.0)

    assert weights == [
        jumps.CLUSTER_PRIOR_HOURS,
        jumps.NAMESPACE_PRIOR_HOURS,
        jumps.SIBLINGS_PRIOR_HOURS,
        jumps.OWN_PRIOR_HOURS,
    ]
    assert pooled(own, Kin(siblings)).shares[step] == pytest.approx(0.0206, abs=5e-5)
    assert "(3 + 96 x 0.01) / (96 + 96) = 2.06 %" in page
    assert PRIOR.shares[1:] == pytest.approx(2e-5 / (STEPS[1:] + 0.001))
    assert PRIOR.shares[0] == pytest.approx(0.02)
    # A jump above a tenth (a step of 0.095) in 24 hours: 24 x 2e-5 / 0.096 = 0.5 %, one day in 200.
    assert 24 * float(PRIOR.shares[GROWTHS >= 0.1][0]) == pytest.approx(1 / 200, rel=0.1)
    # Of days 5e-3 / 0.096 = 5.2 %, one in twenty.
    assert PRIOR_DAY.shares == pytest.approx((5e-3 / (STEPS + 0.001)).clip(max=0.3))
    assert float(PRIOR_DAY.shares[GROWTHS >= 0.1][0]) == pytest.approx(1 / 20, rel=0.1)
    assert STEPS.size == int(re.findall(r"each of (\d+) steps", page)[0])


def test_versions_in_the_documents_are_those_of_the_code() -> None:
    """What is remembered has the version that the page on upgrading names, and its table ends with this release."""
    page = (ROOT / "docs" / "upgrading.md").read_text()
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"| `version: {stored.VERSION}`, of its own |" in page
    assert [release] == re.findall(r"^\| [\d.]* ?\| ([\d.]+) \|", page, re.MULTILINE)[-1:]
    assert f"appVersion: {release}" in (ROOT / "charts" / "foresize" / "Chart.yaml").read_text().replace('"', "")
