"""`foresize explain` with the past beside it: what was used and is planned as a curve, every model that was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from rich.text import Text

from foresize.commands.explain import sentences
from foresize.commands.lookback import Past
from foresize.commands.plot import drawn
from foresize.config.durations import duration
from foresize.config.quantities import instant_s, memory_bytes, people
from foresize.config.words import plain
from foresize_forecast.forecasting.forecast import Tried
from foresize_forecast.replay.reportcurves import Curve, svg
from foresize_forecast.replay.reportpage import card, heading, legend, page
from foresize_forecast.replay.reportpage import table as html_table
from foresize_forecast.series import FloatArray
from foresize_forecast.workloads.savings import WhatIf

Json = dict[str, Any]
LEGEND = (
    ("usage", "memory used, the highest pod"),
    ("band", "forecast: what a request and what a limit holds"),
    ("request", "request, planned"),
    ("limit", "limit now"),
    ("kill", "killed"),
)
INSTEAD = ("other", "request with the other overrun")
MODELS = ("model", "verdict", "would have cost", "hours held to it", "coverage", "slack")


def lines(forecast: Json, past: Past | str | None) -> Iterator[Text]:
    """What the MemoryForecast says, then curves and models where the past was asked for."""
    for line in sentences(forecast):
        yield Text(plain(line), "" if line.startswith(" ") else "bold")
    if isinstance(past, str):
        yield Text(plain(f"No curve: {past}"), "yellow")
    for row in forecast.get("status", {}).get("containers") or []:
        if not isinstance(past, Past) or row["name"] not in past.usage:
            continue
        yield Text()
        spans = [duration(each // 3600 * 3600) for each in (past.grid.count * past.grid.step_s, past.horizon_s)]
        words = f"{row['name']}: used in {spans[0]} (blue), planned for {spans[1]} (green), limit now (red)"
        yield Text(plain(words), "bold")
        yield from drawn(past.usage[row["name"]], _planned(row, past), _bytes(row, "limit"))
        yield from map(Text, _models(past.tried[row["name"]]))


def html(
    forecast: Json,
    past: Past | str | None,
    instead: Mapping[str, WhatIf] | None = None,
    above: str = "",
    asking: str = "",
) -> str:
    """The whole file; it fetches nothing.

    Args:
        forecast: the MemoryForecast.
        past: of its workload, or why there is none.
        instead: by container, requests with another overrun, drawn beside the plan.
        above: HTML before all else.
        asking: HTML after the heading.
    """
    said = [plain(line) for line in sentences(forecast)]
    who, _, under = said[0].partition(" under ")
    body = [above, f"<h1>{escape(who)}</h1><p>under {escape(under)}</p>", asking]
    if isinstance(past, str):
        body.append(f"<p>No curve: {escape(plain(past))}</p>")
    for row in forecast.get("status", {}).get("containers") or []:
        body += [heading(plain(row["name"]), plain(str(row.get("message", "")))), _sizes(row)]
        if isinstance(past, Past) and row["name"] in past.usage:
            other = (instead or {}).get(row["name"])
            body += [legend(LEGEND if other is None else (*LEGEND, INSTEAD)), _figure(row, past, other)]
            body.append(heading("Models that were tried"))
            body.append(_models_tried(past.tried[row["name"]]))
    body.append(heading("In words"))
    body += [f"<p>{escape(line)}</p>" for line in said[1:] if line]
    return page(said[0], body)


def _sizes(row: Json) -> str:
    """What people look for first, as cards."""
    told = [
        (row.get("request", "none"), f"request; wanted now: {row.get('wantedRequest', 'none')}", ""),
        (row.get("limit", "none"), f"limit; wanted now: {row.get('wantedLimit', 'none')}", ""),
    ]
    if "peak" in row:
        below = (memory_bytes(row["peak"]), _bytes(row, "limit"))
        mood = "bad" if below[1] is not None and below[0] > below[1] else ""
        told.append(
            (row["peak"], f"highest of the next day on 99 days of 100, at {row.get('peakAt', 'the next run')}", mood)
        )
    kills = row.get("kills") or []
    told.append((str(len(kills)), "kills that are remembered", "bad" if kills else ""))
    return (
        f'<div class="cards">{"".join(card(plain(str(size)), plain(words), mood) for size, words, mood in told)}</div>'
    )


def _figure(row: Json, past: Past, other: WhatIf | None) -> str:
    drawn = svg(_curve(row, past, other))
    if other is None:
        return f'<figure class="one">{drawn}</figure>'
    words = f"with {other.overrun:.2%} of the time above: {people(other.mean_bytes)} requested on average, "
    words += f"{people(other.plan.highest_bytes)} at most"
    return f'<figure class="one">{drawn}<figcaption>{escape(words)}</figcaption></figure>'


def _models(found: Sequence[Tried]) -> Iterator[str]:
    for each in found:
        verdict = "chosen" if each.chosen else "rejected"
        if each.score is None:
            yield f"  {verdict}: {each.model}, no backtest yet"
        else:
            score = each.score
            cost = f"would have cost {people(score.cost_bytes)}, coverage {score.coverage:.1%}"
            yield f"  {verdict}: {each.model}, {cost}, slack {score.slack:.1%}"


def _cells(found: Sequence[Tried]) -> Iterator[list[str]]:
    for each in found:
        score, verdict = each.score, "chosen" if each.chosen else "rejected"
        if score is None:
            yield [each.model, verdict, "", "", "", ""]
        else:
            figures = [people(score.cost_bytes), f"{score.hours:.0f}", f"{score.coverage:.1%}", f"{score.slack:.1%}"]
            yield [each.model, verdict, *figures]


def _models_tried(found: Sequence[Tried]) -> str:
    chosen = next((each.model for each in found if each.chosen), "")
    return html_table(MODELS, list(_cells(found)), chosen, words=("verdict",))


def _planned(row: Json, past: Past) -> FloatArray:
    """The plan's requests on the past's grid, from its end to the horizon's, bytes."""
    told = [(instant_s(step.get("at")), step.get("request")) for step in row.get("plan") or []]
    return _on_grid([(at_s, memory_bytes(size)) for at_s, size in told if at_s is not None and size], past)


def _on_grid(steps: Sequence[tuple[float, int]], past: Past) -> FloatArray:
    made = np.full(max(1, past.horizon_s // past.grid.step_s), np.nan)
    for at_s, size in steps:
        made[max(0, int(at_s - past.grid.end_s) // past.grid.step_s) :] = size
    return made


def _curve(row: Json, past: Past, instead: WhatIf | None) -> Curve:
    used, planned = past.usage[row["name"]], _planned(row, past)
    limit = _bytes(row, "limit")
    before, after = np.full(used.size, np.nan), np.full(planned.size, np.nan if limit is None else float(limit))
    other = None
    if instead is not None:
        steps = [(float(step.at_s), step.request_bytes) for step in instead.plan.steps]
        other = np.concatenate([before, _on_grid(steps, past)])
    return Curve(
        title=plain(row["name"]),
        remark="",
        start_s=past.grid.end_s - used.size * past.grid.step_s,
        step_s=past.grid.step_s,
        usage=np.concatenate([used, np.full(planned.size, np.nan)]),
        request=np.concatenate([before, planned]),
        limit=np.concatenate([before, after]),
        other=other,
        band=_band(row, past),
        kills=[at for kill in row.get("kills") or [] if (at := _interval(kill, past, used.size)) is not None],
    )


def _band(row: Json, past: Past) -> tuple[FloatArray, FloatArray] | None:
    """Demand and level on the whole picture's intervals: NaN in the past."""
    if row["name"] not in past.band:
        return None
    count = max(1, past.horizon_s // past.grid.step_s)
    before = np.full(past.usage[row["name"]].size, np.nan)
    demand, level = (_fitted(each, count) for each in past.band[row["name"]])
    return np.concatenate([before, demand]), np.concatenate([before, level])


def _fitted(values: FloatArray, count: int) -> FloatArray:
    """The first so many; NaN where there are fewer."""
    made = np.full(count, np.nan)
    made[: min(count, values.size)] = values[:count]
    return made


def _interval(kill: Json, past: Past, count: int) -> int | None:
    """The interval of the picture in which a kill was; None where it was before, or is after what was read."""
    at_s = instant_s(kill.get("at"))
    if at_s is None:
        return None
    at = int(at_s - (past.grid.end_s - count * past.grid.step_s)) // past.grid.step_s
    return min(at, count - 1) if 0 <= at <= count else None


def _bytes(row: Json, name: str) -> int | None:
    return memory_bytes(row[name]) if name in row else None
