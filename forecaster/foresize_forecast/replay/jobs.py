"""The Jobs track: every run of every Job, sized by us and by the peers from the runs before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foresize_forecast.replay.jobfigures import Against, JobFigures, Outcome, Outcomes, against, figures
from foresize_forecast.replay.jobours import OURS, Foresize
from foresize_forecast.replay.jobpeers import PIECES, Attempt, JobSizer, peers
from foresize_forecast.replay.jobruns import Job, read
from foresize_forecast.replay.trace import Told
from foresize_forecast.runs.digest import filled
from foresize_forecast.runs.nextrun import MIN_RUNS

MOST_ATTEMPTS = 60
AGAINST = ("k-Segments selective", "k-Segments partial", "KS+")
"""The peers of the target."""
ALL = "all runs"
LEARNT = f"runs with {MIN_RUNS} before them"
LATE = {f"last {100 - share} %": share / 100 for share in (25, 50, 75)}
"""As the papers score: the first quarter, half or three quarters of a workload's runs are learnt from only."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Figures by policy over some of the runs, and ours beside those of the peers of the target."""

    policies: Mapping[str, JobFigures]
    against: tuple[Against, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        policies = {name: each.as_dict() for name, each in self.policies.items()}
        return {"policies": policies, "against": {each.peer: each.as_dict() for each in self.against}}


@dataclass(frozen=True, slots=True)
class Played:
    """The track.

    Attributes:
        whole: over all runs.
        parts: over some of them, by what they are.
    """

    whole: Scored
    parts: Mapping[str, Scored]

    def as_dict(self) -> dict[str, object]:
        """For JSON: `policies` and `against` of all runs, and `parts` with the same of some."""
        return {**self.whole.as_dict(), "parts": {name: each.as_dict() for name, each in self.parts.items()}}


def play(source: Sequence[Path] | Sequence[Job], told: Told, sizers: Sequence[JobSizer] = ()) -> Played:
    """The Jobs track over traces, or over Jobs that were read already.

    Args:
        source: paths (`jobruns.read`) or Jobs.
        told: told the share that is done.
        sizers: all policies where none are given.

    Raises:
        TraceError: the paths have no runs.
    """
    jobs = _jobs(source)
    chosen = sizers or (Foresize(), Foresize(in_place=False), *peers())
    found: dict[str, Outcomes] = {}
    for place, sizer in enumerate(chosen):
        found[sizer.name] = outcomes(jobs, sizer, _part(told, place, len(chosen)))
    kept = {name: _kept(jobs, name) for name in (LEARNT, *LATE)}
    return Played(_scored(found, None), {name: _scored(found, each) for name, each in kept.items()})


def _jobs(source: Sequence[Path] | Sequence[Job]) -> tuple[Job, ...]:
    paths = [each for each in source if isinstance(each, Path)]
    return read(paths) if paths else tuple(each for each in source if isinstance(each, Job))


def _part(told: Told, place: int, parts: int) -> Told:
    return lambda share: told((place + share) / parts)


def _kept(jobs: Sequence[Job], part: str) -> Mapping[str, Sequence[int]]:
    """The runs of each workload that a part has."""
    if part in LATE:
        return {job.name: range(int(LATE[part] * len(job.runs)), len(job.runs)) for job in jobs if len(job.runs) > 1}
    return {
        job.name: [run for run, each in enumerate(job.runs) if len(job.ended_before(each.started_s)) >= MIN_RUNS]
        for job in jobs
    }


def _scored(found: Mapping[str, Outcomes], kept: Mapping[str, Sequence[int]] | None) -> Scored:
    policies = {name: figures(each if kept is None else _only(each, kept)) for name, each in found.items()}
    ours = policies.get(OURS)
    beside = [against(ours, policies[name], name) for name in AGAINST if ours and ours.by_workload and name in policies]
    return Scored(policies, tuple(beside))


def _only(found: Outcomes, kept: Mapping[str, Sequence[int]]) -> Outcomes:
    return {name: [found[name][run] for run in runs] for name, runs in kept.items()}


def outcomes(jobs: Sequence[Job], sizer: JobSizer, told: Told) -> Outcomes:
    """Of every run of every Job, by workload."""
    found: dict[str, Sequence[Outcome]] = {}
    for place, job in enumerate(jobs):
        found[job.name] = [outcome(sizer.attempt(job, run), job, run) for run in range(len(job.runs))]
        told((place + 1) / len(jobs))
    return found


def outcome(attempt: Attempt, job: Job, run: int) -> Outcome:
    """What a run costs under a sizer: an attempt is killed where usage is above its size, and starts again.

    Worked: usage 1, 1, 3 for 10 s each under 2, then 4: the kill comes at 20 s, after 20 s of 2 and, as the sample that
    kills counts too, 2 s more: 44 are lost. The second attempt wastes (4 - 1) x 20 + (4 - 3) x 10 = 70. Sum 114.

    Raises:
        ValueError: no attempt of `MOST_ATTEMPTS` succeeds: the sizer does not raise.
    """
    usage = job.runs[run].usage
    peaks = np.repeat(filled(usage), PIECES)
    used = np.repeat(filled(job.runs[run].mean), PIECES)
    piece_s = job.step_s / PIECES
    lost = in_vain = 0.0
    changes = 0
    for kills in range(MOST_ATTEMPTS):
        sizes = attempt.sizes(usage)
        killed = np.flatnonzero(peaks > sizes)
        last = int(killed[0]) + 1 if killed.size else sizes.size
        spent, needed = float(sizes[:last].sum()) * piece_s, float(used[:last].sum()) * piece_s
        changes += int(np.count_nonzero(np.diff(sizes[:last])))
        if not killed.size:
            waste = lost + spent - needed
            return Outcome(waste, waste - in_vain, lost + spent, kills, changes)
        lost += spent
        in_vain += needed
        attempt = attempt.after_kill(last - 1, float(sizes[last - 1]))
    raise ValueError(f"{job.name}: run {run} was killed {MOST_ATTEMPTS} times under {attempt}")
