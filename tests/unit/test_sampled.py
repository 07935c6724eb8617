from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize_forecast import sampled
from foresize_forecast.prometheus import ContainerOfPod, HistoryRequest, Metric, RefusalKind, pod_pattern
from foresize_forecast.sampled import STEP_S, WINDOW_S, Sampled, history_of, newest_of, peaks_of, with_samples
from foresize_forecast.series import Grid

BASE_S = 1_790_000_100
"""A multiple of 300, and of 900 and 60."""
POD = "web-5d9c7f6b4-x7k2p"
WEB = ContainerOfPod("shop", POD, "app")
REQUEST = HistoryRequest("shop", "Deployment/web", pod_pattern("Deployment", "web"), startup_ignore_s=0)
MIB = float(1 << 20)


def seen(*samples: tuple[float, float], of: ContainerOfPod = WEB, known: Sampled | None = None) -> Sampled:
    """What is known after samples: seconds after the base, MiB."""
    found = known or Sampled()
    for after_s, mib in samples:
        found = with_samples(found, [(of, BASE_S + after_s, mib * MIB)], BASE_S + after_s)
    return found


def row(known: Sampled, step_s: int, count: int) -> list[float | None]:
    """The history of the one container in MiB, None for a gap."""
    answer = history_of(known, [REQUEST], Grid(BASE_S, step_s, count))
    return [None if np.isnan(value) else value / MIB for value in answer.history.usage[0]]


def test_each_interval_has_its_highest_sample() -> None:
    """Samples at the end of an interval belong to it, and an interval without one is a gap."""
    known = seen((15, 10), (100, 40), (300, 20), (301, 5), (900, 7))

    # (0, 300]: 10, 40, 20. (300, 600]: 5. (600, 900]: 7.
    assert [40, 5, 7] == row(known, 300, 3)
    assert [40, 5, 7, None] == row(known, 300, 4)


def test_other_grids_never_show_less() -> None:
    """A coarser grid has the highest of its parts; on a finer one each part has what the whole had."""
    known = seen((15, 10), (100, 40), (301, 5), (900, 7))

    assert [40] == row(known, 900, 1)
    assert [40] * 5 + [5] * 5 == row(known, 60, 10)


def test_the_last_minutes_are_kept_sample_by_sample() -> None:
    """The fast clock sees every one of them with its own time; of anonymous memory nothing is told."""
    known = seen(*((15 * n, n + 1) for n in range(100)))
    recent = newest_of(known, ["shop"], BASE_S + 1485, 60)[WEB]

    # The hundredth sample is of 1485 s: 100 MiB. In the last minute: of 1425, 1440, 1455, 1470 and 1485 s.
    assert [1425, 1440, 1455, 1470, 1485] == [at_s - BASE_S for at_s in recent.times_s]
    assert 100 * MIB == recent.usage_bytes
    assert np.isnan(recent.rss).all()
    assert {} == newest_of(known, ["other"], BASE_S + 1485, 60)


def test_what_is_old_absurd_or_of_the_future_is_not_taken() -> None:
    """The same answer twice, a step back, a clock that is wrong, and what cannot be memory change nothing."""
    known = seen((15, 10))
    for at_s, value in ((15, 99 * MIB), (10, 99 * MIB), (60, MIB), (16, 0.0), (16, -1.0), (16, 2.0**60), (16, np.nan)):
        assert known == with_samples(known, [(WEB, BASE_S + at_s, value)], BASE_S + 16)


def test_time_counts_while_something_is_seen() -> None:
    """An hour on which metrics-server was away is no hour that was seen."""
    known = seen(*((300 * n + 1, 1) for n in range(12)))
    assert 12 * STEP_S == known.seen_s

    later = seen((7201, 1), known=known)
    assert 13 * STEP_S == later.seen_s


def test_a_week_is_kept_and_no_more() -> None:
    """What is older than the window is forgotten, of containers that go on and of those that have gone."""
    gone = ContainerOfPod("shop", "web-5d9c7f6b4-aaaaa", "app")
    known = seen((1, 1), of=gone, known=seen((1, 50)))
    week = WINDOW_S // STEP_S
    late = seen((301, 2), (601, 4), (WINDOW_S + 301, 3), known=known)

    assert [WEB] == list(late.containers)
    # The interval of 301 s is a whole window before the one of the last sample, that of 601 s one less.
    assert 2 == late.containers[WEB].ends.size
    assert week * STEP_S >= late.seen_s


def test_room_is_made_by_those_that_are_not_seen_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: pods that have gone give way; where all are there the new one is left out, and counted."""
    monkeypatch.setattr(sampled, "MOST_CONTAINERS", 2)
    one, two, three = (ContainerOfPod("shop", f"web-{number}", "app") for number in range(3))
    now_s = BASE_S + 700.0
    known = with_samples(Sampled(), [(one, BASE_S + 1.0, MIB), (two, now_s, MIB)], now_s)

    made = with_samples(known, [(three, now_s, MIB)], now_s)
    assert {two, three} == set(made.containers)
    assert 0 == made.left_out

    full = with_samples(made, [(one, now_s, MIB)], now_s)
    assert {two, three} == set(full.containers)
    assert 1 == full.left_out


def test_what_was_not_seen_is_refused() -> None:
    """A workload without samples, and a policy that wants anonymous memory, say why they have no history."""
    other = HistoryRequest("shop", "Deployment/api", pod_pattern("Deployment", "api"))
    anonymous = HistoryRequest("lab", "Deployment/x", pod_pattern("Deployment", "x"), metric=Metric.RSS)
    answer = history_of(seen((1, 1)), [REQUEST, other, anonymous], Grid(BASE_S, 300, 1))

    assert RefusalKind.NO_SAMPLES == answer.refusals["shop", "Deployment/api"].kind
    assert "history.metric: WorkingSet" in answer.refusals["lab", "Deployment/x"].message
    assert 1 == len(answer.history.containers)


def test_a_pods_peak_is_the_sum_of_its_containers() -> None:
    """In the last hour: what has peaked before is no peak any more."""
    side = ContainerOfPod("shop", POD, "side")
    known = seen((1, 500), (3601, 10), known=seen((3601, 5), of=side))

    # The first interval ends at 300 s: 3,500 s before 3,800 s, within the hour; 4,000 s before 4,300 s.
    assert {("shop", POD): 505 * MIB} == peaks_of(known, BASE_S + 3800, 3600)
    assert {("shop", POD): 15 * MIB} == peaks_of(known, BASE_S + 4300, 3600)


@given(
    st.lists(st.tuples(st.integers(1, 20_000), st.integers(1, 1000)), min_size=1, max_size=40),
    st.sampled_from([60, 150, 300, 600, 3600]),
)
def test_no_sample_is_lost_to_a_grid(samples: list[tuple[int, int]], step_s: int) -> None:
    """Whatever the grid, an interval with a sample in it shows at least that sample."""
    ordered = sorted(dict(samples).items())
    count = 21_600 // step_s
    usage = row(seen(*ordered), step_s, count)

    for after_s, mib in ordered:
        shown = usage[-(-after_s // step_s) - 1]
        assert shown is not None
        assert shown >= mib - 1e-3  # kept as 32-bit numbers
