"""Traces: what is read, what is left out, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foresize_forecast.replay import traces
from foresize_forecast.replay.censored import censored, written_limit
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.runs import runs, stacked
from foresize_forecast.series import Grid
from replays import MIB, NAN

HEADER = "source,series,group,workload,container,unit,kind,limit,days\n"


def write(path: Path, columns: dict[str, Any]) -> Path:
    pd.DataFrame(columns).to_parquet(path)
    return path


def times(seconds: list[int]) -> pd.DatetimeIndex:
    return pd.to_datetime(seconds, unit="s", utc=True)


def test_the_bundled_sample_is_what_it_says() -> None:
    """Nine containers, 4.4 days at 5 minutes, bytes, with the gaps of the original."""
    sample = traces.bundled()

    # From 2022-04-19 14:15 UTC to 22:55 four days later are 4 x 86,400 + 31,200 s: 1256 intervals, and the last one.
    assert Grid(1_650_377_700, 300, 1257) == sample.grid
    assert 9 == len(sample.series)
    assert "opf-ci-prow/Deployment/hook/hook" in sample.series
    assert "opf-ci-prow" in sample.namespaces
    assert np.nanmin(sample.usage) > MIB
    assert np.isnan(sample.usage).any(axis=1).all()


def test_csv_is_read_with_its_gaps(tmp_path: Path) -> None:
    """Empty cells, zeros and missing times are gaps; the step is the commonest distance."""
    path = tmp_path / "trace.csv"
    path.write_text("time,shop/Deployment/web/main,b\n0,1,\n60,2,5\n120,0,6\n240,4,7\n", encoding="utf-8")
    (read,) = traces.load([path], min_days=0)

    np.testing.assert_array_equal([[1, 2, NAN, NAN, 4], [NAN, 5, 6, NAN, 7]], read.usage)
    assert Grid(0, 60, 5) == read.grid
    assert ("shop", "b") == read.namespaces
    assert ("Deployment/web/main", "b") == read.siblings


def test_long_csv_is_read(tmp_path: Path) -> None:
    """Columns series, ts and mem in any order, as a query's answer is often saved, by a spreadsheet or not."""
    path = tmp_path / "trace.csv"
    path.write_text("ts,series,mem\n1970-01-01T00:10:00Z,a,5\n1970-01-01T00:11:00Z,a,6\n", encoding="utf-8-sig")
    (read,) = traces.load([path], min_days=0)

    np.testing.assert_array_equal([[5, 6]], read.usage)
    assert Grid(600, 60, 2) == read.grid


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a column named time"),
        ("when,a\n0,1\n60,2\n", "a column named time"),
        ("time,a\n0,1\n", "two rows are expected"),
        ("time,a\n0,1\n60,x\n", "no number"),
        ("time,a\n0,1\n60,1,2\n", "another length"),
        ("time,a,a\n0,1,1\n60,1,2\n", "two columns have the same name"),
        ("time,a\n0,1\n60,-1\n", "below 0"),
        ("time,a\n0,0\n60,\n", "nothing to play"),
        ("time,a\n0,1\n0,2\n", "two are needed to tell the step"),
        ("time,a\n0,1\n1,2\n2,2\n1000000000,3\n", "11574 days from the first sample to the last"),
        ("time,a,b,c,d,e\n0,1,1,1,1,1\n1,2,2,2,2,2\n2,2,2,2,2,2\n25920000,3,3,3,3,3\n", "more than fit in memory"),
        ("time,a\n0,1\n60000,2\n120000,3\n", "60000 s apart; Unix seconds"),
        (f"time,a\n{10**25},1\n{10**25 + 60},2\n", "no number"),
        ("series,when\na,1\n", "ts"),
        ("series,ts,mem\na,1650000000,5\na,1650000060,6\n", "ts"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """A file that is something else is refused with its name and what is wrong."""
    path = tmp_path / "trace.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(TraceError, match=words) as refused:
        traces.load([path], min_days=0)
    assert "trace" in str(refused.value)
    assert 1 == len(str(refused.value).splitlines())


def test_parquet_is_read_where_there_is_no_metadata(tmp_path: Path) -> None:
    """The highest sample of an interval counts, and a mean only where there is no other."""
    write(
        tmp_path / "trace.parquet",
        {
            "series": ["shop/web-0/main"] * 3 + ["other"],
            "ts": times([600, 660, 720, 660]),
            "mem_mean": 0.1,
            "mem_max": [500.0, 250.0, NAN, 1000.0],
        },
    )
    (read,) = traces.load([tmp_path], min_days=0)

    np.testing.assert_array_equal([[NAN, 1000, NAN], [500, 250, 0.1]], read.usage)
    assert Grid(600, 60, 3) == read.grid
    assert ("other", "shop") == read.namespaces
    assert read.kills


def test_a_folder_is_read_at_the_native_step(tmp_path: Path) -> None:
    """Raw samples win over 5-minute maxima of the same source; metadata tells groups, units and limits."""
    write(tmp_path / "a.parquet", {"series": ["x"] * 2, "ts": times([0, 300]), "mem_max": [9.0, 9.0]})
    write(tmp_path / "a_raw.parquet", {"series": ["x", "x", "y"], "ts": times([0, 60, 60]), "mem": [0.5, 0.25, 1.0]})
    lines = "a,x,shop,web,main,fraction,deployment,0.5,5\na,y,shop,web,main,fraction,deployment,,1\n"
    (tmp_path / "series.csv").write_text(HEADER + lines, encoding="utf-8")
    (read,) = traces.load([tmp_path])

    # y has a day, which is too short; a share of 1 is told as 1 TiB.
    assert ("x",) == read.series
    np.testing.assert_array_equal([[0.5 * 2**40, 0.25 * 2**40]], read.usage)
    assert [0.5 * 2**40] == read.declared.tolist()
    assert (("shop",), ("web/main",)) == (read.namespaces, read.siblings)
    assert read.scaled


def test_machines_are_no_containers(tmp_path: Path) -> None:
    """What a VM uses above a size is an exceedance; months of VMs that follow each other are traces of their own."""
    starts = [0, 300, 900_000, 900_300]
    write(tmp_path / "vms.parquet", {"series": ["a", "a", "b", "b"], "ts": times(starts), "mem_mean": [1, 2, 3, 4]})
    lines = "vms,a,rnd,vm1,,bytes,vm,8,30\nvms,b,rnd,vm2,,bytes,vm,8,30\n"
    (tmp_path / "series.csv").write_text(HEADER + lines, encoding="utf-8")
    first, second = traces.load([tmp_path / "vms.parquet"])

    assert (("a",), ("b",)) == (first.series, second.series)
    assert Grid(900_000, 300, 2) == second.grid
    assert not first.kills
    assert ("rnd/a",) == first.namespaces


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"series": ["a"], "mem": [1.0]}, "column ts is missing; it has series, mem"),
        ({"ts": times([0]), "series": ["a"]}, "column mem, mem_max or mem_mean is missing"),
        ({"series": ["a"], "ts": [1], "mem": [1.0]}, "column ts is of type int64; a timestamp in UTC is expected"),
        ({"series": ["a"], "ts": times([0]), "mem": ["1Gi"]}, "column mem is of type .*; numbers are expected"),
        ({"series": ["a"], "ts": times([0]), "mem": [-1.0]}, "below 0"),
        ({"series": ["a"], "ts": times([0]), "mem": [0.0]}, "nothing to play"),
        ({"series": ["a"], "ts": [pd.NaT], "mem": [0.0]}, "ts has empty cells"),
        ({"series": [], "ts": times([]), "mem": []}, "no rows"),
        ({"series": ["a"] * 2, "ts": times([0, 60]), "mem": [1.0, 1.0]}, "no series of 3 days or more"),
    ],
)
def test_parquet_of_another_form_is_refused(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    """One line names the file, the field and what was expected."""
    path = write(tmp_path / "trace.parquet", columns)

    with pytest.raises(TraceError, match=words) as refused:
        traces.load([path])
    assert str(refused.value).startswith(str(path))
    assert 1 == len(str(refused.value).splitlines())


def test_folders_and_files_that_are_none(tmp_path: Path) -> None:
    """Empty folders, absent files, files of other kinds and units that nobody knows are named."""
    (tmp_path / "text.parquet").write_text("no parquet")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    other = tmp_path / "other"
    other.mkdir()
    write(other / "a.parquet", {"series": ["x"] * 2, "ts": times([0, 60]), "mem": [1.0, 1.0]})
    (other / "series.csv").write_text(HEADER + "a,x,shop,web,main,gigabytes,pod,,9\n", encoding="utf-8")
    for path, words in (
        (tmp_path / "nowhere", "No such file or directory"),
        (tmp_path / "empty", "no .parquet file in it"),
        (tmp_path / "notes.txt", "ends in .parquet or .csv"),
        (tmp_path / "text.parquet", "cannot be read as parquet"),
        (tmp_path / "binary.csv", "UTF-8"),
        (other, "unit 'gigabytes' of source a; bytes or fraction is expected"),
    ):
        with pytest.raises(TraceError, match=words) as refused:
            traces.load([path])
        assert path.name in str(refused.value)
        assert 1 == len(str(refused.value).splitlines())


@pytest.mark.parametrize(
    ("mib", "expected"), [(10_226.7, 10_240), (1022.5, 1024), (1010, None), (1023.99, 1024), (100, None), (NAN, None)]
)
def test_a_ceiling_lies_just_below_a_size_that_people_write(mib: float, expected: float | None) -> None:
    """A round size a little above the highest sample is taken for the limit."""
    # 10,226.7: 0.13 % below 10 GiB. 1022.5: 0.15 % below 1 GiB. 1010: 1.4 %. 100 MiB: too small to tell.
    found = written_limit(mib * MIB)

    assert expected == (None if found is None else found / MIB)


def test_series_cut_off_by_a_limit_are_named() -> None:
    """Replicas that rise to just under one ceiling and start over, three times or more, are censored."""
    saw = np.tile(np.linspace(200, 1023, 50), 4) * MIB
    steady = np.full(200, 1023.0 * MIB)
    sawtooth_below = np.tile(np.linspace(200, 900, 50), 4) * MIB
    usage = np.array([saw, steady, sawtooth_below])

    # Three falls between four teeth; what stays at its highest never fell, and 900 MiB is near no round size.
    assert [True, False, False] == censored(usage, [("a", "x"), ("b", "x"), ("c", "x")], 60).tolist()


def test_runs_hold_what_an_array_held() -> None:
    """Sizes are kept as runs of equal values, and come back as they were, also from parts in another order."""
    array = np.array([[1.0, 1.0, 2.0], [NAN, NAN, 5.0], [7.0, 7.0, 7.0]])
    whole = runs(array)
    parted = stacked([runs(array[[2]]), runs(array[[0, 1]])], np.array([2, 0, 1]))

    np.testing.assert_array_equal(array, whole.dense())
    np.testing.assert_array_equal(array, parted.dense())
    np.testing.assert_array_equal(array[1:], whole.dense(1))
    assert 5 == whole.starts.size
