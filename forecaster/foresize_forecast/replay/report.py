"""The report of a replay as one HTML file: what is saved, what would have been killed, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np

from foresize_forecast.replay.playing import Plays
from foresize_forecast.replay.reportcases import Pair, curves
from foresize_forecast.replay.reportcurves import Curve, size_text, svg
from foresize_forecast.replay.reportpage import card, heading, legend, page, table
from foresize_forecast.replay.reporttables import cells, columns, percent
from foresize_forecast.replay.results import Played, of_containers
from foresize_forecast.replay.sizers import BASELINE
from foresize_forecast.replay.trace import Track
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

OURS = "foresize"
MOST_ROWS = 25
FOLLOWED = (
    "A replay follows recorded usage: it cannot show what a killed container would have used, nor what happens on a"
    " real node. Kills are rare and come in clusters; a difference is called better or worse only where a 90 % interval"
    " from a bootstrap over namespaces excludes none."
)
DEFINED = (
    "Slack: (request - 95th percentile of the day's usage) / request. A kill episode: usage above the limit, those less"
    " than 10 minutes apart counted once."
)
Json = Any


def report(played: Sequence[Played], plays: Plays, found: Mapping[str, Json]) -> str:
    """The page, from what was played and the figures of `results`."""
    tracks = [track for track in Track if track.value in found["tracks"]]
    policies = list(found["tracks"][tracks[0]])
    ours = OURS if OURS in policies else policies[0]
    other = BASELINE if BASELINE in policies and ours != BASELINE else ""
    main = Track.BURSTABLE if Track.BURSTABLE in tracks else tracks[0]
    places = of_containers(played)
    pairs = [Pair(played[at], plays[at, main, ours], plays.get((at, main, other))) for at in places]
    body = [
        "<h1>Memory, replayed</h1>",
        f"<p>{escape(_about(played, places))}</p>",
        _cards(pairs, found, (main, ours, other)),
        *(_track(found, track, ours) for track in tracks),
        _nodes(found, ours),
        _shapes(found["tracks"][main], ours, other),
        _grouped("By namespace", pairs, (ours, other), [pair.played.trace.namespaces for pair in pairs]),
        _grouped("By workload", pairs, (ours, other), [_workloads(pair) for pair in pairs]),
        *_curves(pairs, ours, other),
        _honesty(found),
    ]
    return page("Memory, replayed", [part for part in body if part])


def _about(played: Sequence[Played], places: Sequence[int]) -> str:
    traces = [played[at].trace for at in places]
    names = ", ".join(dict.fromkeys(trace.source for trace in traces))
    first, last = min(trace.grid.start_s for trace in traces), max(trace.grid.end_s for trace in traces)
    series = sum(len(trace.series) for trace in traces)
    namespaces = len({name for trace in traces for name in trace.namespaces})
    return (
        f"{names}: {series} containers in {namespaces} namespaces, {_date(first)} to {_date(last)}, every"
        f" {traces[0].grid.step_s} s. Each policy decided at every step from what it could have known then; the first"
        " day is not scored."
    )


def _cards(pairs: Sequence[Pair], found: Mapping[str, Json], who: tuple[Track, str, str]) -> str:
    track, ours, other = who
    own = found["tracks"][track][ours]
    requested = sum(float(pair.requested(pair.ours).sum()) for pair in pairs)
    made = []
    if other:
        against = found["tracks"][track][other]
        before = sum(float(pair.requested(pair.other).sum()) for pair in pairs if pair.other)
        share = 1 - requested / before if before else 0.0
        made += [
            card(f"{percent(share)} less", f"requested: {_mib(requested)} with {ours}, {_mib(before)} with {other}",
                 "good" if share > 0 else "bad"),
            _kill_card(own, against, other),
        ]  # fmt: skip
        if own["nodes_over_oracle"] and against["nodes_over_oracle"]:
            words = f"on average, of 16, 32 and 64 GiB; {against['nodes']:.1f} with {other}"
            made.append(card(f"{own['nodes']:.1f} nodes", words, "good" if own["nodes"] < against["nodes"] else ""))
        if "leak" in own and "leak" in against:
            took = f"what a leak takes from its neighbours; {size_text(against['leak']['leak_mib'])} with {other}"
            made.append(card(size_text(own["leak"]["leak_mib"]), took))
    else:
        made = [
            card(_mib(requested), f"requested by {ours}"),
            card(str(own["counts"]["kill_episodes"]), "kill episodes"),
        ]
    return f'<div class="cards">{"".join(made)}</div>'


def _kill_card(own: Mapping[str, Json], against: Mapping[str, Json], other: str) -> str:
    count, before = own["counts"]["kill_episodes"], against["counts"]["kill_episodes"]
    verdict = own[f"against_{BASELINE}"]["kill_episodes_per_day"]["verdict"]
    mood = {"better": "good", "worse": "bad"}.get(verdict, "")
    days = own["counts"]["container_days"]
    return card(f"{count} kills", f"in {days:,.0f} container-days; {before} with {other}: {verdict}", mood)


def _track(found: Mapping[str, Json], track: Track, ours: str) -> str:
    words = {
        Track.GUARANTEED: "Guaranteed: one size for request and limit",
        Track.BURSTABLE: "Burstable: request and limit apart",
    }
    rows = found["tracks"][track]
    names = columns(leaks=any("leak" in row for row in rows.values()))
    return heading(words[track]) + table(
        ["policy", *names], [[name, *cells(row, names)] for name, row in rows.items()], ours
    )


def _nodes(found: Mapping[str, Json], ours: str) -> str:
    rows = found["tracks"].get("nodes") or {}
    if not rows:
        return ""
    about = (
        "Every hour all containers are packed by request onto nodes of 16, 32 and 64 GiB; the mean is shown. The oracle"
        " requests the coming hour's highest usage. Pressure: share of node-minutes in which the kubelet would evict."
    )
    told = [
        [name, f"{row['nodes']:.1f}", f"{row['nodes_over_oracle']:.2f}", f"{row['nodes_over_bound']:.2f}",
         percent(row["pressure"], 3), next(iter(row["causes"]), "")]
        for name, row in rows.items()
    ]  # fmt: skip
    names = ["policy", "nodes", "over oracle", "over bound", "pressure", "mostly because of"]
    return heading("Nodes", about) + table(names, told, ours)


def _shapes(rows: Mapping[str, Json], ours: str, other: str) -> str:
    told = []
    for shape, row in rows[ours]["by_shape"].items():
        against = rows[other]["by_shape"][shape] if other else None
        both = [row, *([against] if against else [])]
        told.append(
            [shape, str(row["counts"]["series"]), *(percent(each["slack_bytes"]) for each in both),
             *(str(each["counts"]["kill_episodes"]) for each in both)]
        )  # fmt: skip
    who = [ours, *([other] if other else [])]
    names = ["shape", "series", *(f"slack, {name}" for name in who), *(f"kills, {name}" for name in who)]
    return heading("By shape of the curve") + table(names, told)


def _workloads(pair: Pair) -> list[str]:
    trace = pair.played.trace
    return [f"{space}/{sibling}" for space, sibling in zip(trace.namespaces, trace.siblings, strict=True)]


def _grouped(title: str, pairs: Sequence[Pair], who: tuple[str, str], names: Sequence[Sequence[str]]) -> str:
    """Requests and kills of every group, where most is requested first."""
    ours, other = who
    sums: dict[str, FloatArray] = {}
    for pair, labels in zip(pairs, names, strict=True):
        against = pair.other or pair.ours
        values = np.array([
            np.ones(len(labels)), pair.requested(pair.ours), pair.requested(against),
            pair.ours.tally.kill_episodes, against.tally.kill_episodes,
        ])  # fmt: skip
        for row, label in enumerate(labels):
            sums[label] = sums.get(label, np.zeros(5)) + values[:, row]
    ordered = sorted(sums.items(), key=lambda item: -abs(item[1][2] - item[1][1]) - 1e-9 * item[1][1])[:MOST_ROWS]
    rows = [
        [label, f"{series:.0f}", _mib(mine), *([_mib(theirs), _change(mine, theirs)] if other else []),
         f"{kills:.0f}", *([f"{before:.0f}"] if other else [])]
        for label, (series, mine, theirs, kills, before) in ordered
    ]  # fmt: skip
    asked = [f"requested, {ours}", *([f"requested, {other}", "change"] if other else [])]
    killed = [f"kills, {ours}", *([f"kills, {other}"] if other else [])]
    about = f"The {len(rows)} of {len(sums)} with the largest difference." if len(sums) > len(rows) else ""
    return heading(title, *([about] if about else [])) + table(
        [title.removeprefix("By "), "series", *asked, *killed], rows
    )


def _curves(pairs: Sequence[Pair], ours: str, other: str) -> list[str]:
    """Of the first trace: one is enough to see how it works."""
    kinds = [
        ("usage", "used"),
        ("request", f"request, {ours}"),
        ("limit", f"limit, {ours}"),
        *([("other", f"request, {other}")] if other else []),
        *([("band", "forecast at the start of the day: demand to peak")] if ours == OURS else []),
        ("kill", "used more than the limit"),
    ]
    shown = curves(pairs[0], forecast=ours == OURS)
    made = []
    for title, each in shown.items():
        made.append(heading(title) + legend(kinds) + f'<div class="curves">{"".join(map(_figure, each))}</div>')
    return made


def _figure(curve: Curve) -> str:
    return f"<figure><figcaption>{escape(curve.title)}<i>{escape(curve.remark)}</i></figcaption>{svg(curve)}</figure>"


def _honesty(found: Mapping[str, Json]) -> str:
    censored = [name for source in found["sources"].values() for name in source["censored"]]
    sentences = [FOLLOWED, DEFINED]
    if censored:
        sentences.append(f"Cut off by a limit when recorded, so that real demand is not known: {', '.join(censored)}.")
    return heading("How sure this is", *sentences)


def _change(mine: float, theirs: float) -> str:
    return f"{mine / theirs - 1:+.0%}" if theirs else ""


def _mib(size_bytes: float) -> str:
    return size_text(size_bytes / MIB)


def _date(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%d %B %Y")
