"""The compact form of what is remembered, in MemoryForecast.status.state: empty fields are left out.

It is stored in an object that every reader gets, and read by the next operator, which may be of a later release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foresize_forecast.deciding.state import (
    Attempt,
    Canary,
    Change,
    ContainerState,
    Eviction,
    Part,
    RunsKept,
    Shapes,
    Sleep,
    SleepPhase,
    Stage,
    TemplateWrite,
    Wait,
    WorkloadState,
)
from foresize_forecast.forecasting.outlook import ShapeKind
from foresize_forecast.pods import Kill
from foresize_forecast.reasons import Reason
from foresize_forecast.runs.digest import PastRun
from foresize_forecast.sizes import Size

VERSION = 1


def dump(state: WorkloadState) -> dict[str, Any]:
    """The state as JSON, empty fields left out: it is stored in an object that every reader gets."""
    dumped = {
        "version": VERSION,
        "containers": {name: _dump_container(c) for name, c in sorted(state.containers.items())},
        "attempts": {uid: _dump_attempt(attempt) for uid, attempt in sorted(state.attempts.items())},
        "revisions": dict(sorted(state.revisions.items())),
        **_dump_template(state.template),
        **_bare({"sleep": _dump_sleep(state.sleep)}),
        **_bare({"runs": {name: _dump_runs(kept) for name, kept in sorted(state.runs.items())}}),
    }
    waits = {uid: [each.cause, each.since_s] for uid, each in sorted(state.waits.items())}
    evictions = [
        _bare({"at": e.at_s, "uid": e.uid, "pod": e.pod, "node": e.node, "cause": e.cause, "message": e.message})
        for e in state.evictions
    ]
    parts = [_dump_part(part) for part in state.parts]
    together = {"parts": parts, "togetherUntil": state.together_until_s}
    return dumped | _bare({"waits": waits, "evictions": evictions, **together})


def load(stored: Mapping[str, Any] | None) -> WorkloadState:
    """The state that `dump` made.

    Raises:
        ValueError: the version is another one; the caller says so instead of forgetting what kills taught.
    """
    if not stored:
        return WorkloadState()
    if stored.get("version") != VERSION:
        raise ValueError(f"status.state has version {stored.get('version')!r}, this release reads {VERSION}")
    return WorkloadState(
        containers={name: _load_container(c) for name, c in stored.get("containers", {}).items()},
        attempts={uid: _load_attempt(attempt) for uid, attempt in stored.get("attempts", {}).items()},
        revisions=dict(stored.get("revisions", {})),
        template=_load_template(stored.get("template")),
        waits={uid: Wait(cause, since_s) for uid, (cause, since_s) in stored.get("waits", {}).items()},
        evictions=tuple(
            Eviction(e.get("at", 0.0), e["uid"], e.get("pod", ""), e.get("node", ""), e["cause"], e.get("message", ""))
            for e in stored.get("evictions", [])
        ),
        sleep=_load_sleep(stored.get("sleep")),
        runs={name: _load_runs(kept) for name, kept in stored.get("runs", {}).items()},
        parts=tuple(_load_part(each) for each in stored.get("parts", [])),
        together_until_s=stored.get("togetherUntil", 0.0),
    )


def _dump_part(part: Part) -> dict[str, Any]:
    containers = {name: _dump_container(c) for name, c in sorted(part.containers.items())}
    return {"members": list(part.members), "since": part.since_s, "containers": containers}


def _load_part(stored: Mapping[str, Any]) -> Part:
    containers = {name: _load_container(c) for name, c in stored.get("containers", {}).items()}
    return Part(tuple(stored["members"]), stored.get("since", 0.0), containers)


def _dump_attempt(attempt: Attempt) -> dict[str, Any]:
    return {"at": attempt.at_s} | _bare(
        {
            "failures": attempt.failures,
            "message": attempt.message,
            "waitUntil": attempt.wait_until_s,
            "asked": {name: _dump_size(size) for name, size in sorted(attempt.asked.items())},
            "overwritten": attempt.overwritten,
            "done": attempt.done,
        }
    )


def _load_attempt(stored: Mapping[str, Any]) -> Attempt:
    return Attempt(
        stored["at"],
        stored.get("failures", 0),
        stored.get("message", ""),
        stored.get("waitUntil", 0.0),
        {name: _load_size(size) for name, size in stored.get("asked", {}).items()},
        stored.get("overwritten", 0),
        stored.get("done", False),
    )


def _dump_container(state: ContainerState) -> dict[str, Any]:
    change = state.last_change
    return _bare(
        {
            "target": _dump_size(state.target),
            "requestNeededAt": state.request_needed_at_s,
            "limitChangedAt": state.limit_changed_at_s,
            "limitBeforeLowering": state.limit_before_lowering,
            "stalledAt": state.stalled_at_s,
            "stallFloor": state.stall_floor_bytes,
            "kills": [[kill.at_s, kill.limit_bytes] for kill in state.kills],
            "killFloor": state.kill_floor_bytes,
            "needSeenAt": state.need_seen_at_s,
            "fastLevel": state.fast_level_bytes,
            "fastUntil": state.fast_until_s,
            "fastRaises": list(state.fast_raises_s),
            "canary": _dump_canary(state.canary),
            "shapes": _dump_shapes(state.shapes),
            "lastChange": change
            and {
                "at": change.at_s,
                "from": _dump_size(change.before),
                "to": _dump_size(change.after),
                "reason": str(change.reason),
                "message": change.message,
            },
        }
    )


def _load_container(stored: Mapping[str, Any]) -> ContainerState:
    change = stored.get("lastChange")
    return ContainerState(
        target=_load_size(stored["target"]) if "target" in stored else None,
        request_needed_at_s=stored.get("requestNeededAt", 0.0),
        limit_changed_at_s=stored.get("limitChangedAt", 0.0),
        limit_before_lowering=stored.get("limitBeforeLowering"),
        stalled_at_s=stored.get("stalledAt", 0.0),
        stall_floor_bytes=stored.get("stallFloor", 0),
        kills=tuple(Kill(at_s, limit_bytes) for at_s, limit_bytes in stored.get("kills", [])),
        kill_floor_bytes=stored.get("killFloor", 0),
        need_seen_at_s=stored.get("needSeenAt", 0.0),
        fast_level_bytes=stored.get("fastLevel", 0),
        fast_until_s=stored.get("fastUntil", 0.0),
        fast_raises_s=tuple(stored.get("fastRaises", [])),
        canary=_load_canary(stored.get("canary")),
        shapes=_load_shapes(stored.get("shapes")),
        last_change=change
        and Change(
            change["at"],
            _load_size(change["from"]),
            _load_size(change["to"]),
            Reason(change["reason"]),
            change["message"],
        ),
    )


def _dump_template(written: TemplateWrite | None) -> dict[str, Any]:
    if written is None:
        return {}
    return {"template": _bare({"at": written.at_s, "done": written.done, "message": written.message})}


def _load_template(stored: Mapping[str, Any] | None) -> TemplateWrite | None:
    if stored is None:
        return None
    return TemplateWrite(stored.get("at", 0.0), stored.get("done", False), stored.get("message", ""))


def _dump_sleep(sleep: Sleep | None) -> dict[str, Any] | None:
    if sleep is None:
        return None
    return {"phase": str(sleep.phase), "at": sleep.at_s, "uid": sleep.uid} | _bare(
        {
            "replicas": sleep.replicas,
            "apiVersion": sleep.api_version,
            "levels": dict(sorted(sleep.levels.items())),
            "wake": sleep.wake,
            "restsUntil": sleep.rests_until_s,
            "triedAt": sleep.tried_s,
            "message": sleep.message,
            "naps": [list(nap) for nap in sleep.naps],
        }
    )


def _load_sleep(stored: Mapping[str, Any] | None) -> Sleep | None:
    if stored is None:
        return None
    return Sleep(
        SleepPhase(stored["phase"]),
        stored["at"],
        stored.get("replicas", 0),
        stored["uid"],
        stored.get("apiVersion", ""),
        dict(stored.get("levels", {})),
        wake=stored.get("wake", ""),
        rests_until_s=stored.get("restsUntil", 0.0),
        tried_s=stored.get("triedAt", 0.0),
        message=stored.get("message", ""),
        naps=tuple((float(start_s), float(end_s)) for start_s, end_s in stored.get("naps", [])),
    )


def _dump_shapes(shapes: Shapes | None) -> dict[str, Any] | None:
    if shapes is None:
        return None
    before = None if shapes.before is None else str(shapes.before)
    told = {"kind": str(shapes.kind), "revision": shapes.revision, "before": before, "changedAt": shapes.changed_at_s}
    return _bare(told)


def _load_shapes(stored: Mapping[str, Any] | None) -> Shapes | None:
    if stored is None:
        return None
    before = ShapeKind(stored["before"]) if "before" in stored else None
    return Shapes(ShapeKind(stored["kind"]), stored["revision"], before, stored.get("changedAt", 0.0))


def _dump_canary(canary: Canary | None) -> dict[str, Any] | None:
    if canary is None:
        return None
    return _bare(
        {
            "stage": str(canary.stage),
            "limit": canary.limit_bytes,
            "held": canary.held_bytes,
            "beganAt": canary.began_s,
            "wornSince": canary.worn_since_s,
            "pods": list(canary.pods),
            "failures": canary.failures,
            "revision": canary.revision,
        }
    )


def _load_canary(stored: Mapping[str, Any] | None) -> Canary | None:
    if stored is None:
        return None
    return Canary(
        Stage(stored["stage"]),
        stored.get("limit", 0),
        stored.get("held", 0),
        began_s=stored.get("beganAt", 0.0),
        worn_since_s=stored.get("wornSince", 0.0),
        pods=tuple(stored.get("pods", [])),
        failures=stored.get("failures", 0),
        revision=stored.get("revision", ""),
    )


def _dump_runs(kept: RunsKept) -> dict[str, Any]:
    past = [[int(run.started_s), int(run.ended_s), int(run.peak_bytes)] for run in kept.past]
    return {"declared": _dump_size(kept.declared), "past": past}


def _load_runs(stored: Mapping[str, Any]) -> RunsKept:
    past = tuple(PastRun(float(each[0]), float(each[1]), float(each[2])) for each in stored["past"])
    return RunsKept(_load_size(stored["declared"]), past)


def _dump_size(size: Size | None) -> list[int | None] | None:
    return None if size is None else [size.request_bytes, size.limit_bytes]


def _load_size(stored: list[int | None]) -> Size:
    return Size(stored[0], stored[1])


def _bare(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, 0, "", [], {})}
