"""What the next run of a Job is born with, as the operator decides it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, mi, pod, recent, size
from foresize_forecast.deciding.state import RunsKept, WorkloadState
from foresize_forecast.pods import Kill, PodView, Room
from foresize_forecast.reasons import Reason
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.runs.digest import Pace, PastRun, RunDigest, digest
from foresize_forecast.runs.nextrun import RunHistory, upcoming
from foresize_forecast.sizes import MIB, ContainerPolicy, LimitStrategy, QosClass, Size, WorkloadPolicy
from foresize_forecast.workloads.review import Observation, Review
from foresize_forecast.workloads.runreview import RunsKnown, review_runs, run_change, with_init

PACE = Pace(60)
HOUR_S = 3600
DAY_S = 24 * HOUR_S
TEMPLATE = size(64, 128)


def run(peak_mib: float, started_s: float, rows: int = 5) -> RunDigest:
    """A run of one size."""
    return digest(started_s, np.full(rows, float(mi(peak_mib))), PACE)


def nightly(*peaks_mib: float, declared_mib: float = 128, ended_s: float = NOW_S) -> RunHistory:
    """Runs of one night each, the last one a day before."""
    starts_s = [ended_s - DAY_S * (len(peaks_mib) - n) for n in range(len(peaks_mib))]
    runs = tuple(run(peak, at_s) for peak, at_s in zip(peaks_mib, starts_s, strict=True))
    return RunHistory(PACE, float(mi(declared_mib)), runs)


def known(history: RunHistory) -> dict[str, RunsKnown]:
    """What a refit now makes of it."""
    until_s = max((each.ended_s for each in history.runs), default=0.0)
    began_s = history.runs[-3].started_s if len(history.runs) > 2 else 0.0
    return {"app": RunsKnown(upcoming(history, NOW_S, DAY_S), until_s, began_s=began_s)}


def seen(*pods: PodView, **changes: Any) -> Observation:
    """A CronJob of one container with these pods."""
    made = Observation(NOW_S, pods, {}, {"app": TEMPLATE}, QosClass.BURSTABLE)
    return replace(made, **changes)


def decided(
    history: RunHistory, state: WorkloadState | None = None, observed: Observation | None = None, **policy: Any
) -> Review:
    """The look."""
    asked = WorkloadPolicy(containers=(("*", ContainerPolicy(**policy)),))
    return review_runs(state or WorkloadState(), observed or seen(), known(history), asked)


def born(*args: Any, **policy: Any) -> Size | None:
    """What the next run is created with."""
    return decided(*args, **policy).verdicts["app"].creation


def killed_pod(limit_mib: float, at_s: float = NOW_S - 5, **changes: Any) -> PodView:
    """A run that was killed."""
    view = container(present=size(limit_mib, limit_mib), last_kill=Kill(at_s, mi(limit_mib)))
    return pod(view, owner="Job/nightly-29000000", revision="", **changes)


def test_three_runs_size_the_fourth() -> None:
    """Peaks of 100, 100 and 110 MiB with 512 declared: 110 + 32.5 for the next one and 4 that no sample shows."""
    # headroom.py's worked example: d = 32.5; 146.5 is a whole number of its unit, 1 MiB from 128 on: 147.
    assert size(147, 147) == born(nightly(100, 100, 110, declared_mib=512))


def test_with_fewer_runs_the_template_stands() -> None:
    """Two runs prove little: nothing is written, and the reason says how many are missing."""
    found = decided(nightly(100, 100))

    assert found.verdicts["app"].creation is None
    assert Reason.NO_OUTLOOK is found.verdicts["app"].reason
    assert "runs before it: 2, needed: 3" in found.verdicts["app"].message


def test_nothing_above_what_was_declared_while_that_was_enough() -> None:
    """Runs of 120 MiB under a limit of 128 get 128, however much room would be cheap."""
    assert size(128, 128) == born(nightly(100, 100, 120))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"limit": LimitStrategy.FORECAST}, size(147, 147)),
        ({"limit": LimitStrategy.RATIO, "limit_ratio": 2.0}, size(147, 294)),
        ({"limit": LimitStrategy.EQUAL_REQUEST}, size(147, 147)),
        ({"limit": LimitStrategy.KEEP}, size(128, 128)),
        ({"limit": LimitStrategy.NONE}, size(147, None)),
        ({"min_bytes": mi(200)}, size(200, 200)),
        ({"max_bytes": mi(120)}, size(120, 120)),
    ],
)
def test_strategies_and_bounds(asked: dict[str, Any], expected: Size) -> None:
    """A policy's strategy says what becomes of the limit; minimum and maximum hold."""
    assert expected == born(nightly(100, 100, 110, declared_mib=512), **asked)


def test_a_limit_range_holds_for_runs() -> None:
    """A size that the namespace refuses would keep the next run from being created."""
    tight = seen(bounds=Room(container_max_bytes=mi(130)))

    assert size(130, 130) == born(nightly(100, 100, 110, declared_mib=512), None, tight)


def test_another_image_has_the_templates_size_until_three_runs_of_its_own() -> None:
    """The runs of three nights needed 110 MiB; what the new image needs, the template's 300 and 512 have to hold."""
    template = {"app": size(300, 512)}
    before = nightly(100, 100, 110, declared_mib=512)
    first = decided(before, None, seen(template=template, revision="old"))
    changed = decided(before, first.state, seen(template=template, revision="new"))
    later_s = NOW_S + 3 * DAY_S + HOUR_S
    nights = nightly(100, 100, 110, 90, 90, declared_mib=512, ended_s=NOW_S + 2 * DAY_S)  # two of them since
    second = decided(nights, changed.state, seen(template=template, revision="new", now_s=later_s))
    proven = nightly(100, 100, 110, 90, 90, 90, declared_mib=512, ended_s=NOW_S + 4 * DAY_S)
    fourth = decided(proven, second.state, seen(template=template, revision="new", now_s=later_s + DAY_S))
    back = decided(before, changed.state, seen(template=template, revision="old"))

    assert size(147, 147) == first.verdicts["app"].creation == back.verdicts["app"].creation
    assert size(300, 512) == changed.verdicts["app"].creation == second.verdicts["app"].creation
    assert "of another image or command: until 3 runs of its own" in changed.verdicts["app"].message
    assert (fourth.verdicts["app"].creation or TEMPLATE).limit_bytes < mi(200)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"limit": LimitStrategy.EQUAL_REQUEST}, size(512, 512)),
        ({"limit": LimitStrategy.NONE}, size(300, None)),
        ({"max_bytes": mi(400)}, size(300, 400)),
    ],
)
def test_another_image_is_sized_within_what_its_policy_asks(asked: dict[str, Any], expected: Size) -> None:
    """The template's size is the least, and the policy's strategy and bounds hold all the same."""
    template, history = {"app": size(300, 512)}, nightly(100, 100, 110, declared_mib=512)
    state = decided(history, None, seen(template=template, revision="old"), **asked).state

    assert expected == born(history, state, seen(template=template, revision="new"), **asked)


def test_a_kill_doubles_for_the_next_attempt() -> None:
    """Seen on a pod that has failed for good: the next attempt gets twice its limit, and the one after four times."""
    history = nightly(100, 100, 110)
    first = decided(history, None, seen(ended=(killed_pod(128),)))
    again = seen(ended=(killed_pod(128), killed_pod(256, NOW_S, uid="uid-2")))
    second = decided(history, first.state, again)

    assert mi(256) == (first.verdicts["app"].creation or TEMPLATE).limit_bytes
    assert Reason.OOM_KILLED is first.verdicts["app"].reason
    assert mi(512) == (second.verdicts["app"].creation or TEMPLATE).limit_bytes


def test_a_kill_teaches_without_a_plan() -> None:
    """The first run of all is killed: its retry has twice the template's limit, its request stays the owner's."""
    assert size(64, 256) == born(nightly(), None, seen(ended=(killed_pod(128),)))


def test_between_a_restart_and_the_first_refit() -> None:
    """What is written still holds; a kill then has the template's size at least, for the written one was too small."""
    before = decided(nightly(100, 100, 110, declared_mib=512)).state
    restarted = review_runs(before, seen(), {}, WorkloadPolicy())
    killed = review_runs(before, seen(ended=(killed_pod(32),)), {}, WorkloadPolicy())

    assert (None, before) == (restarted.verdicts["app"].creation, restarted.state)
    assert TEMPLATE == killed.verdicts["app"].creation


def test_the_lesson_goes_once_a_run_has_shown_the_need() -> None:
    """Killed at 128 MiB, a run then used 200: a plan that knows a run which ended an hour later needs no floor."""
    at_s = NOW_S - 7200.0
    killed = decided(nightly(), None, seen(ended=(killed_pod(128, at_s),), now_s=at_s)).state
    going = pod(container(present=size(64, 256)))
    used = decided(nightly(), killed, seen(going, recent={("web-abc-1", "app"): recent([200])}, now_s=at_s + 60)).state
    plan = nightly(200, 200, 200, ended_s=NOW_S)
    late = RunHistory(PACE, plan.declared_bytes, (*plan.runs[:2], run(200, NOW_S - 600)))

    # Three equal peaks: s = 0.02 MiB, d = 0.02 x ln(10 x 200 / (3 x 0.02)) = 0.2; 200 + 0.2 + 4 = 204.2, so 205 MiB.
    assert mi(256) == used.container("app").kill_floor_bytes
    assert size(205, 205) == born(late, used)


def test_a_run_that_goes_on_gets_what_a_kill_taught() -> None:
    """Its container is started again in the same pod (restartPolicy OnFailure): its limit is raised in place."""
    pod_seen = killed_pod(128)
    found = decided(nightly(100, 100, 110), None, seen(pod_seen))

    change = run_change(pod_seen, found, seen(pod_seen), Room())

    assert isinstance(change, PodChange)
    assert {"app": size(128, 256)} == change.sizes


def test_a_run_without_a_kill_is_left_alone() -> None:
    """It keeps the size that it was born with, also where the next one gets less."""
    going = pod(container(present=size(512, 512)))
    found = decided(nightly(100, 100, 110, declared_mib=512), None, seen(going))

    assert run_change(going, found, seen(going), Room()) is None


def test_a_run_gives_back_what_its_level_does_not_need() -> None:
    """At 30 MiB, from where no run rose, its request falls; its limit stays, for nobody may be there to raise it."""
    falls = np.concatenate([np.full(10, 100.0), np.full(10, 30.0)]) * mi(1)
    runs = tuple(digest(NOW_S - DAY_S * n, falls, PACE) for n in (3, 2, 1))
    going = pod(container(present=size(105, 105), running_since_s=NOW_S - 900.0))
    observed = seen(going, recent={("web-abc-1", "app"): recent([30] * 20)})
    found = decided(RunHistory(PACE, float(mi(512)), runs), None, observed)

    change = run_change(going, found, observed, Room())

    # 30 x 1.001 + 4 that no sample shows = 34.03, in units of 256 KiB 34.25.
    assert isinstance(change, PodChange)
    assert {"app": Size(mi(34.25), mi(105))} == change.sizes
    doubtful = replace(observed, distrust="the newest sample is 400 s old")
    assert run_change(going, found, doubtful, Room()) is None


def test_a_slightly_lower_plan_moves_nothing() -> None:
    """Each run changes the plan a little: a fall of less than 5 % is not worth a write, a rise always is."""
    first = decided(nightly(100, 100, 110, declared_mib=512))
    lower = decided(nightly(100, 100, 110, 100, 100, declared_mib=512), first.state)
    higher = decided(nightly(100, 100, 114, declared_mib=512), first.state)

    # n = 5: H_5 = 2.28, s = 10 / (2.28 - 0.69) = 6.3, d = 6.3 ln(1100 / 31.5) = 22.4: 136.4, which is 7 % less: moved.
    assert size(137, 137) == lower.verdicts["app"].target
    assert (higher.verdicts["app"].target.limit_bytes or 0) > mi(147)
    nearly = decided(nightly(99, 99, 109, declared_mib=512), first.state)
    assert size(147, 147) == nearly.verdicts["app"].target
    assert nearly.state.container("app").last_change == first.state.container("app").last_change


def test_runs_that_have_to_be_remembered_are_until_the_window_has_passed() -> None:
    """A group of pods has no other memory of them; once none is left the group itself is forgotten."""
    past = tuple(PastRun(run.started_s, run.ended_s, run.peak_bytes) for run in nightly(100, 100, 110).runs)
    plan = known(nightly(100, 100, 110))["app"]

    kept = review_runs(WorkloadState(), seen(), {"app": replace(plan, past=past)}, WorkloadPolicy()).state
    later = review_runs(kept, seen(), {}, WorkloadPolicy()).state
    over = review_runs(kept, seen(), {"app": replace(plan, past=())}, WorkloadPolicy()).state

    assert {"app": RunsKept(TEMPLATE, past)} == kept.runs == later.runs
    assert {} == over.runs


INIT = {"setup": size(64, 128)}


def init_born(*peaks_mib: float, template: Size = TEMPLATE, **policy: Any) -> Size | None:
    """What an init container is born with after starts with these peaks."""
    asked = WorkloadPolicy(containers=(("*", ContainerPolicy(**policy)),))
    observed = seen(init={"setup": template})
    plans = {"setup": known(nightly(*peaks_mib, declared_mib=128))["app"]}
    return with_init(Review({}, WorkloadState()), observed, plans, asked).init.get("setup")


def test_an_init_container_has_what_its_starts_have_used() -> None:
    """Its request follows its need in both directions; its limit is raised and never lowered, for it must not fail."""
    # Peaks of 20, 20 and 20 MiB: s is a ten-thousandth of that, d = 0.002 ln(200 / 0.006) = 0.02; 24.02, and the unit
    # below 32 MiB is 128 KiB: 24.125. Of 200 likewise 204.2, and whole MiB there.
    assert Size(mi(24.125), mi(128)) == init_born(20, 20, 20)
    assert size(205, 205) == init_born(200, 200, 200)
    assert size(205, None) == init_born(200, 200, 200, template=size(64, None))
    assert size(128, 128) == init_born(200, 200, 200, limit=LimitStrategy.KEEP)
    assert init_born(20, 20) is None


def test_an_init_container_that_the_policy_does_not_name_is_left_alone() -> None:
    """A policy of one container is about that one."""
    asked = WorkloadPolicy(containers=(("app", ContainerPolicy()),))
    plans = {"setup": known(nightly(20, 20, 20))["app"]}

    assert {} == with_init(Review({}, WorkloadState()), seen(init=INIT), plans, asked).init


def test_what_cannot_be_trusted_lowers_nothing() -> None:
    """Partial data and an alarm hold the next run's size; a higher need is met all the same."""
    first = decided(nightly(100, 100, 110, declared_mib=512))
    doubtful = seen(distrust="Prometheus answered with partial data")

    assert size(147, 147) == born(nightly(50, 50, 50, declared_mib=512), first.state, doubtful)
    assert (born(nightly(300, 300, 300, declared_mib=512), first.state, doubtful) or TEMPLATE).request_bytes == mi(305)


def test_the_horizon_decides_which_night_counts() -> None:
    """Sundays need ten times: on a Saturday the next run has a Sunday's size, on a Monday a weekday's."""
    # 2027-01-10 is a Sunday; three weeks of runs at 02:00 UTC before it.
    sunday_s = 1_799_546_400.0
    runs = tuple(run(1000 if n % 7 == 0 else 100, sunday_s - DAY_S * n) for n in range(28, 0, -1))
    history = RunHistory(PACE, float(mi(4096)), runs)

    eve = upcoming(history, sunday_s - 12 * HOUR_S, DAY_S)
    after = upcoming(history, sunday_s + 12 * HOUR_S, DAY_S)

    assert (eve.one_size_bytes > mi(1000), after.one_size_bytes < mi(200)) == (True, True)


@given(st.lists(st.integers(1, 4000), min_size=3, max_size=20), st.integers(16, 4096))
def test_no_run_seen_before_would_have_been_killed(peaks_mib: list[int], declared_mib: int) -> None:
    """Whatever runs were like, the size of the next covers them all, and a second look decides the same."""
    history = nightly(*peaks_mib, declared_mib=declared_mib)
    first = decided(history)
    again = decided(history, first.state)
    made = first.verdicts["app"].creation

    assert made is not None
    assert made.limit_bytes is not None
    assert made.limit_bytes >= max(peaks_mib) * MIB
    assert again.verdicts["app"].target == first.verdicts["app"].target
    assert again.state == first.state
