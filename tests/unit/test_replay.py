"""Traces, the simulation and the picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from foresize_forecast.replay import traces
from foresize_forecast.replay.figures import figures
from foresize_forecast.replay.peers import Krr, Vpa
from foresize_forecast.replay.picture import draw
from foresize_forecast.replay.simulate import Sizes, play
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History

NAN = np.nan
KEY = ContainerKey("shop", "Deployment/web", "main")


@dataclass
class Scripted:
    """Sets the same sizes each time and keeps what it was told."""

    request: float = 50.0
    limit: float = 100.0
    name: str = "scripted"
    told: list[tuple[int, int, float, float]] = field(default_factory=list)

    def step(self, now_s: int, seen: History, present: Sizes, killed: FloatArray) -> Sizes:
        """Note the time, the samples known, the limit in force and the limit that killed."""
        self.told.append((now_s, seen.grid.count, float(present.limit[0]), float(killed[0])))
        return Sizes(np.array([self.request]), np.array([self.limit]))


def trace(values: list[float]) -> History:
    return History(Grid(0, 300, len(values)), (KEY,), np.array([values]), np.full(1, NAN))


def test_a_sizer_sees_the_past_with_its_lag() -> None:
    """What is in force in an interval was decided before it, from samples up to the lag before that."""
    sizer = Scripted()
    played = play(trace([10.0] * 6), sizer, warmup_s=600, lag_ticks=1)

    # Warm-up 2 intervals. The size of interval 2 is set at 600 s, with 1 sample known; of interval 5 at 1500 s with 4.
    assert [(600, 1), (900, 2), (1200, 3), (1500, 4)] == [told[:2] for told in sizer.told]
    assert Grid(600, 300, 4) == played.trace.grid
    assert (1, 4) == played.request.shape


def test_a_kill_is_told_at_once_with_its_limit() -> None:
    """A sizer hears of a kill in the interval before, and of none in the warm-up."""
    sizer = Scripted()
    play(trace([500.0, 10.0, 10.0, 101.0, 100.0, 10.0]), sizer, warmup_s=600)

    # Limit 100: 101 in interval 3 is above it, 100 in interval 4 is not.
    killed = [told[3] for told in sizer.told]
    np.testing.assert_array_equal([NAN, NAN, 100.0, NAN], killed)


def test_before_its_first_size_a_container_has_its_first_hours_maximum() -> None:
    """Where the declared size is unknown, the first hour stands for it, until a sizer says otherwise."""
    undecided = Scripted(request=NAN, limit=NAN)
    played = play(trace([NAN, 20.0] + [30.0] * 11 + [90.0] * 7), undecided, warmup_s=600)

    # The first hour is 12 intervals from the first sample on: 20 and eleven times 30.
    assert {30.0} == set(played.request[0])
    assert {30.0} == set(played.limit[0])


def test_a_trace_shorter_than_its_warm_up_is_refused() -> None:
    """There is nothing to judge then, and the message says both lengths."""
    with pytest.raises(ValueError, match="has 6 intervals, the warm-up alone takes 288"):
        play(trace([10.0] * 6), Scripted())


def test_the_bundled_sample_is_what_it_says() -> None:
    """Nine containers, 4.4 days at 5 minutes, bytes, with the gaps of the original."""
    sample = traces.bundled()

    # From 2022-04-19 14:15 UTC to 22:55 four days later are 4 x 86,400 + 31,200 s: 1256 intervals, and the last one.
    assert Grid(1_650_377_700, 300, 1257) == sample.grid
    assert 9 == len(sample.containers)
    assert ContainerKey("opf-ci-prow", "Deployment/hook", "hook") in sample.containers
    assert np.nanmin(sample.usage) > 1 << 20
    assert np.isnan(sample.usage).any(axis=1).all()


def test_peers_run_on_the_bundled_sample() -> None:
    """The sample tells peers apart: KRR, with a tenth less head room than VPA's buckets, wastes less and kills more."""
    krr, vpa = (figures(play(traces.bundled(), sizer)) for sizer in (Krr(), Vpa()))

    assert krr.slack_bytes < vpa.slack_bytes
    assert krr.kill_minutes > vpa.kill_minutes
    assert krr.container_days == vpa.container_days


def test_csv_is_read_with_its_gaps(tmp_path: Path) -> None:
    """Empty cells, zeros and missing times are gaps; the step is the commonest distance."""
    path = tmp_path / "trace.csv"
    path.write_text("time,shop/Deployment/web/main,b\n0,1,\n60,2,5\n120,0,6\n240,4,7\n", encoding="utf-8")
    read = traces.read_csv(path)

    np.testing.assert_array_equal([[1, 2, NAN, NAN, 4], [NAN, 5, 6, NAN, 7]], read.usage)
    assert Grid(0, 60, 5) == read.grid
    assert (KEY, ContainerKey("", "Series/b", "main")) == read.containers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a column named time"),
        ("when,a\n0,1\n60,2\n", "needs a column named time"),
        ("time,a\n0,1\n", "two rows or more"),
        ("time,a\n0,1\n60,x\n", "no number"),
        ("time,a\n0,1\n60,1,2\n", "another length"),
        ("time,a\n0,1\n0,2\n", "two are needed to tell the step"),
        ("time,a\n0,1\n1,2\n2,2\n1000000000,3\n", "read fewer of them"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """A file that is something else is refused with its name and what is wrong."""
    path = tmp_path / "trace.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=words) as refused:
        traces.read_csv(path)
    assert "trace.csv" in str(refused.value)


def test_parquet_is_read(tmp_path: Path) -> None:
    """Long traces in parquet files are read where pyarrow is installed, in bytes whatever their unit."""
    pytest.importorskip("pyarrow")
    import pandas as pd  # noqa: PLC0415 - only where it is needed

    times = pd.to_datetime([600, 660, 720, 660], unit="s", utc=True)
    series = ["shop/web-0/main"] * 3 + ["other"]
    frame = pd.DataFrame({"series": series, "ts": times, "mem_mean": 0.1, "mem_max": [0.5, 0.25, 0.125, 1.0]})
    frame.to_parquet(tmp_path / "trace.parquet")
    read = traces.read_parquet(tmp_path / "trace.parquet", unit_bytes=1000)
    chosen = traces.read_parquet(tmp_path / "trace.parquet", ["shop/web-0/main"])

    np.testing.assert_array_equal([[NAN, 1000, NAN], [500, 250, 125]], read.usage)
    assert Grid(600, 60, 3) == read.grid == chosen.grid
    assert (ContainerKey("shop", "Pod/web-0", "main"),) == chosen.containers


def test_picture_is_a_png(tmp_path: Path) -> None:
    """The picture is written with a panel for each container and sizer."""
    path = tmp_path / "replay.png"
    draw([play(trace([10.0] * 6), Scripted(limit=limit), warmup_s=600) for limit in (100.0, np.inf)], path)

    assert b"\x89PNG\r\n\x1a\n" == path.read_bytes()[:8]


def test_picture_of_nothing_is_refused(tmp_path: Path) -> None:
    """Without a replay there is no picture, and no file."""
    with pytest.raises(ValueError, match="needs a replay"):
        draw([], tmp_path / "replay.png")
    assert [] == list(tmp_path.iterdir())
