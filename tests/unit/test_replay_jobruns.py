"""Runs of Jobs from traces in long form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.jobruns import read

START = pd.Timestamp("2024-05-01T00:00:00Z")
HEAD = "source,series,group,workload,container,unit,kind,limit,days\n"


def rows(series: str, at_s: list[int], highest: list[float]) -> pd.DataFrame:
    """Rows of one series: the mean is one less than the highest."""
    ts = START + pd.to_timedelta(at_s, unit="s")
    return pd.DataFrame({"series": series, "ts": ts, "mem_mean": np.array(highest) - 1, "mem_max": highest, "n": 5})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs of one workload, the later one first in the file, one with a gap; and a container that is no run."""
    pytest.importorskip("pyarrow")
    frame = pd.concat([rows("flow/b", [600, 610, 630], [5, 6, 8]), rows("flow/a", [0, 10], [3, 4])])
    frame.to_parquet(tmp_path / "flow.parquet")
    rows("web", [0, 60], [1, 1]).to_parquet(tmp_path / "web.parquet")
    (tmp_path / "series.csv").write_text(
        HEAD
        + "flow,flow/a,flow,align,,bytes,batch-task,100,0\n"
        + "flow,flow/b,flow,align,,bytes,batch-task,100,0\n"
        + "web,web,shop,web,main,bytes,deployment,50,0\n"
    )
    return tmp_path


def test_runs_are_read_in_order_of_their_starts_with_gaps_as_gaps(folder: Path) -> None:
    """10 s rows; the row that is missing at 620 s is NaN, not a value that nobody measured."""
    (job,) = read([folder])

    assert ("flow/align", 10, 100.0, 2) == (job.name, job.step_s, job.declared_bytes, len(job.runs))
    assert [3, 4] == job.runs[0].usage.tolist()
    np.testing.assert_array_equal([5, 6, np.nan, 8], job.runs[1].usage)
    np.testing.assert_array_equal([4, 5, np.nan, 7], job.runs[1].mean)
    assert START.timestamp() + 640 == job.ended_s(1)


def test_a_file_alone_is_read_with_the_series_csv_beside_it(folder: Path) -> None:
    """The file or its folder: the same runs."""
    assert 1 == len(read([folder / "flow.parquet"]))


def test_where_nobody_declared_a_size_the_first_hour_stands_for_it(folder: Path) -> None:
    """The first run's highest of the first hour: 4, though a later run has 8."""
    text = (folder / "series.csv").read_text().replace("batch-task,100", "batch-task,")
    (folder / "series.csv").write_text(text)

    assert 4.0 == read([folder])[0].declared_bytes


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("series.csv", r"series\.csv: No such file or directory; the Jobs track needs it beside flow\.parquet"),
        ("kinds", r"no series of kind batch-task in series\.csv: no runs"),
        ("column", r"flow\.parquet: column mem_max is missing; it has series, ts, mem_mean, n"),
        ("file", r"flow\.parquet: cannot be read as parquet"),
        ("path", r"absent: No such file or directory; a trace file or a folder of them is expected"),
    ],
)
def test_what_cannot_be_played_is_one_line_that_names_it(folder: Path, broken: str, message: str) -> None:
    """A user sees the file or field and what was expected."""
    source = folder / "flow.parquet"
    if broken == "series.csv":
        (folder / "series.csv").unlink()
    elif broken == "kinds":
        (folder / "series.csv").write_text((folder / "series.csv").read_text().replace("batch-task", "deployment"))
    elif broken == "column":
        pd.read_parquet(source).drop(columns="mem_max").to_parquet(source)
    elif broken == "file":
        source.write_bytes(b"no parquet")

    with pytest.raises(TraceError, match=message):
        read([folder / "absent"] if broken == "path" else [source])
