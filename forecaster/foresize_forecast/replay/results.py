"""All figures of a replay as one value that becomes JSON: by track and policy, also by source and shape.

The figures of a track and policy are those of all sources of containers in bytes. Virtual machines, hosts, and sources
in shares of a machine have theirs under `by_source`; where there are no others, they are the figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foresize_forecast.replay.figures import Sums, sums
from foresize_forecast.replay.groups import Kinds, kinds, members
from foresize_forecast.replay.leaks import Leaks, leak_figures, leaks
from foresize_forecast.replay.nodes import Cluster, NodeFigures, cluster, node_figures
from foresize_forecast.replay.playing import Play, Plays
from foresize_forecast.replay.resample import LEVEL, clusters, differences, intervals
from foresize_forecast.replay.sizers import BASELINE
from foresize_forecast.replay.tally import Tally, together, warmup_columns
from foresize_forecast.replay.trace import Trace, Track
from foresize_forecast.series import BoolArray

NODE_NAMES = ("nodes", "nodes_over_oracle", "nodes_over_bound", "pressure")
NODES = "nodes"
"""The track that is about nodes; its requests are those of the Burstable track, or else of the only one played."""
LeakPlays = Mapping[tuple[int, str], Play]
"""By place of the trace, and policy."""
Json = Any


@dataclass(frozen=True, slots=True)
class Played:
    """A trace with all that is known of it before any figure.

    Attributes:
        trace: what was used.
        kinds: of its series.
        cluster: what nodes have to hold; None where it is none.
        leaks: the same trace with leaks; None where it is no cluster, or too short.
    """

    trace: Trace
    kinds: Kinds
    cluster: Cluster | None
    leaks: Leaks | None


@dataclass(frozen=True, slots=True)
class _Group:
    """Series that are told together: of one source, or of all."""

    places: tuple[int, ...]
    namespaces: tuple[str, ...]
    masks: Mapping[str, BoolArray]
    censored: BoolArray


def known(traces: Sequence[Trace]) -> tuple[Played, ...]:
    """What is known of traces; takes about a second for 500 series of 4 days of minutes."""
    return tuple(_known(trace) for trace in traces)


def _known(trace: Trace) -> Played:
    held = cluster(trace)
    return Played(trace, kinds(trace), held, leaks(trace, held) if held else None)


def results(played: Sequence[Played], plays: Plays, leak_plays: LeakPlays) -> dict[str, Json]:
    """Everything, with None for what is no number.

    Args:
        played: what is known of the traces.
        plays: of the traces.
        leak_plays: of their leaks, on the Burstable track.
    """
    tracks = list(dict.fromkeys(track for _, track, _ in plays))
    policies = list(dict.fromkeys(policy for _, _, policy in plays))
    nodes = {
        key: node_figures(held, played[key[0]].trace, play.request.dense())
        for key, play in plays.items()
        if (held := played[key[0]].cluster) is not None
    }
    told = {track: {policy: _entry(played, plays, nodes, (track, policy)) for policy in policies} for track in tracks}
    for policy in policies if Track.BURSTABLE in tracks else ():
        told[Track.BURSTABLE][policy] |= _leak(played, leak_plays, policy)
    packed = Track.BURSTABLE if Track.BURSTABLE in tracks else tracks[0]
    about_nodes = {
        policy: {"sized_for": packed, **asdict(figures)}
        for (at, track, policy), figures in nodes.items()
        if track == packed and at == of_containers(played)[0]
    }
    made: dict[str, Json] = _cleaned({"sources": _sources(played), "tracks": {**told, NODES: about_nodes}})
    return made


def _leak(played: Sequence[Played], leak_plays: LeakPlays, policy: str) -> Mapping[str, Json]:
    """What leaks took, of the first trace that has them."""
    for at, each in enumerate(played):
        if each.leaks and (at, policy) in leak_plays:
            found = leak_figures(each.leaks, leak_plays[at, policy], leak_plays.get((at, BASELINE)))
            return {"leak": asdict(found)}
    return {}


def _sources(played: Sequence[Played]) -> Mapping[str, Json]:
    """What each source is, before anything was played on it."""
    return {name: _source([played[at].trace for at in places]) for name, places in _by_source(played).items()}


def _source(traces: Sequence[Trace]) -> Mapping[str, Json]:
    first = traces[0]
    return {
        "series": sum(len(trace.series) for trace in traces),
        "namespaces": len({name for trace in traces for name in trace.namespaces}),
        "step_s": first.grid.step_s,
        "start_s": first.grid.start_s,
        "end_s": traces[-1].grid.end_s,
        "warmup_s": warmup_columns(first) * first.grid.step_s,
        "kills": first.kills,
        "scaled": first.scaled,
        "censored": [
            name for trace in traces for name, cut in zip(trace.series, trace.censored, strict=True) if cut
        ],
    }  # fmt: skip


def _by_source(played: Sequence[Played]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, each in enumerate(played):
        found.setdefault(each.trace.source, []).append(at)
    return found


def of_containers(played: Sequence[Played]) -> tuple[int, ...]:
    """Places of the traces that the figures are of: those of containers in bytes, or all where there are none."""
    chosen = tuple(at for at, each in enumerate(played) if each.trace.kills and not each.trace.scaled)
    return chosen or tuple(range(len(played)))


def _entry(
    played: Sequence[Played], plays: Plays, nodes: Mapping[tuple[int, Track, str], NodeFigures], key: tuple[Track, str]
) -> dict[str, Json]:
    by_source = _by_source(played)
    made = _told(played, plays, of_containers(played), nodes, key)
    if len(by_source) > 1:
        sources = {name: _told(played, plays, tuple(places), nodes, key) for name, places in by_source.items()}
        return {**made, "by_source": sources}
    return made


def _told(
    played: Sequence[Played],
    plays: Plays,
    places: tuple[int, ...],
    nodes: Mapping[tuple[int, Track, str], NodeFigures],
    key: tuple[Track, str],
) -> dict[str, Json]:
    """Figures, counts and intervals of some of the traces for one track and policy."""
    counted = together([plays[at, *key].tally for at in places])
    group = _group(played, places)
    found = sums(counted)
    member = clusters(group.namespaces)
    on_nodes = nodes.get((places[0], *key)) if len(places) == 1 else None
    made: dict[str, Json] = {
        **asdict(found.figures()),
        **{name: getattr(on_nodes, name) if on_nodes else None for name in NODE_NAMES},
        "counts": _counts(counted, group.namespaces),
        "intervals": {"level": LEVEL, **intervals(found, member)},
        "by_shape": {name: _part(counted, found, mask, group) for name, mask in group.masks.items() if mask.any()},
        "by_namespace": _by_namespace(counted, found, group),
    }
    if group.censored.any():
        made["without_censored"] = _part(counted, found, ~group.censored, group)
        made["censored"] = _part(counted, found, group.censored, group)
    baseline = (key[0], BASELINE)
    if key != baseline and (places[0], *baseline) in plays:
        against = together([plays[at, *baseline].tally for at in places])
        made |= _against(counted, against, group)
    return made


def _group(played: Sequence[Played], places: tuple[int, ...]) -> _Group:
    chosen = [played[at] for at in places]
    names = sorted({name for each in chosen for name in members(each.kinds)})
    nothing = [np.zeros(len(each.trace.series), dtype=np.bool_) for each in chosen]
    masks = {
        name: np.concatenate([members(each.kinds).get(name, none) for each, none in zip(chosen, nothing, strict=True)])
        for name in names
    }
    return _Group(
        places,
        tuple(name for each in chosen for name in each.trace.namespaces),
        masks,
        np.concatenate([each.trace.censored for each in chosen]),
    )


def _part(counted: Tally, found: Sums, mask: BoolArray, group: _Group) -> Mapping[str, Json]:
    """Figures and counts of some series."""
    names = [name for name, chosen in zip(group.namespaces, mask, strict=True) if chosen]
    return {**asdict(found.rows(mask).figures()), "counts": _counts(counted.rows(mask), names)}


def _by_namespace(counted: Tally, found: Sums, group: _Group) -> Mapping[str, Json]:
    names = np.array(group.namespaces)
    return {name: _part(counted, found, names == name, group) for name in sorted(set(group.namespaces))}


def _counts(counted: Tally, namespaces: Sequence[str]) -> Mapping[str, Json]:
    episodes: dict[str, int] = {}
    for name, count in zip(namespaces, counted.kill_episodes.tolist(), strict=True):
        if count:
            episodes[name] = episodes.get(name, 0) + int(count)
    return {
        "series": len(namespaces),
        "namespaces": len(set(namespaces)),
        "container_days": float(counted.weight.sum()),
        "kill_minutes": float(counted.kill_minutes.sum()),
        "kill_episodes": int(counted.kill_episodes.sum()),
        "container_days_with_kill": int(counted.killed.sum()),
        "kill_episodes_by_namespace": dict(sorted(episodes.items(), key=lambda item: -item[1])),
    }


def _against(counted: Tally, against: Tally, group: _Group) -> Mapping[str, Json]:
    """The paired difference to the baseline, also without the namespace where that kills on most days."""
    found, other = sums(counted), sums(against)
    days = dict.fromkeys(group.namespaces, 0)
    for name, count in zip(group.namespaces, against.killed.sum(axis=1).tolist(), strict=True):
        days[name] += count
    worst = max(days, key=lambda name: days[name])
    rest = np.array(group.namespaces) != worst
    made: dict[str, Json] = {f"against_{BASELINE}": _differences(found, other, group.namespaces)}
    if days[worst] and rest.any():
        names = [name for name in group.namespaces if name != worst]
        made["without_worst_namespace"] = {
            "namespace": worst,
            **_part(counted, found, rest, group),
            f"against_{BASELINE}": _differences(found.rows(rest), other.rows(rest), names),
        }
    return made


def _differences(found: Sums, other: Sums, namespaces: Sequence[str]) -> Mapping[str, Json]:
    told = differences(found, other, clusters(namespaces))
    return {"level": LEVEL, **{name: asdict(each) for name, each in told.items()}}


def _cleaned(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
