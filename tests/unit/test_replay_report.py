"""What a replay hands out: figures, decisions, the report; and that all of it is there or none."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from foresize.commands.replaying import Wish, replay
from foresize_forecast.replay import traces
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.figures import NAMES, figures
from foresize_forecast.replay.reportcurves import Curve, size_text, svg
from foresize_forecast.replay.results import NODE_NAMES
from foresize_forecast.replay.tally import need, tally
from foresize_forecast.replay.trace import Sizes
from replays import MIB, NAN

POLICIES = ("static", "vpa", "krr")


class Balanced(HTMLParser):
    """Tags that were opened and not closed, and addresses that would be fetched."""

    VOID = frozenset({"meta", "br", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is opened and what it would fetch."""
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """What is closed was opened last."""
        assert tag == self.open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed at once."""


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder with all files of a replay of the bundled sample, and what was said."""
    folder = tmp_path_factory.mktemp("replay")
    said = StringIO()
    wish = Wish(
        policies=POLICIES,
        json=folder / "figures.json",
        decisions=folder / "decisions.parquet",
        html=folder / "report.html",
        workers=1,
    )
    pytest.importorskip("pyarrow")
    replay(wish, Console(file=said, width=100))
    return folder, said.getvalue()


def test_figures_have_every_key_for_every_track_and_policy(handed_out: tuple[Path, str]) -> None:
    """Whoever reads the JSON finds what is documented, with counts, intervals, shapes and the difference to VPA."""
    found = json.loads((handed_out[0] / "figures.json").read_text())

    assert {"guaranteed", "burstable", "nodes"} == set(found["tracks"])
    for track in ("guaranteed", "burstable"):
        assert list(POLICIES) == list(found["tracks"][track])
        for policy, row in found["tracks"][track].items():
            assert {*NAMES, *NODE_NAMES, "counts", "intervals", "by_shape", "by_namespace"} <= set(row)
            assert set(NAMES) <= set(row["by_shape"]["Flat"])
            assert (policy == "vpa") == ("against_vpa" not in row)
    assert {"better", "worse", "not distinguishable"} >= {
        each["verdict"] for each in found["tracks"]["guaranteed"]["static"]["against_vpa"].values() if each != 0.9
    }
    assert {"leak_mib", "over_baseline"} <= set(found["tracks"]["burstable"]["krr"]["leak"])
    assert set(NODE_NAMES) <= set(found["tracks"]["nodes"]["vpa"])
    assert ["opf-ci-prow/Deployment/hook/hook"] == found["sources"]["sample"]["censored"]


def test_figures_can_be_recomputed_from_the_decisions(handed_out: tuple[Path, str]) -> None:
    """Sizes in the file, against the trace, give the figures that were told."""
    rows = pd.read_parquet(handed_out[0] / "decisions.parquet")
    found = json.loads((handed_out[0] / "figures.json").read_text())
    trace = traces.bundled()
    for track in ("guaranteed", "burstable"):
        for policy in POLICIES:
            chosen = rows[(rows["track"] == track) & (rows["policy"] == policy)]
            wide = {
                name: chosen.pivot_table(index="series", columns="ts", values=name, observed=True)
                .loc[list(trace.series)]
                .to_numpy()
                for name in ("request", "limit")
            }
            again = figures(tally(need(trace), Sizes(wide["request"], wide["limit"]), 2.0**34))

            for name in NAMES:
                assert pytest.approx(found["tracks"][track][policy][name], nan_ok=True) == getattr(again, name)


def test_the_report_is_one_whole_file(handed_out: tuple[Path, str]) -> None:
    """It fetches nothing, its tags are balanced, and it tells savings, kills, namespaces, shapes and curves."""
    text = (handed_out[0] / "report.html").read_text()
    parser = Balanced()
    parser.feed(text)

    assert [] == parser.open
    assert [] == parser.fetched
    assert not re.search(r"https?://|@import|url\(", text)
    for words in ("By namespace", "By workload", "By shape", "Nodes", "How sure this is", "opf-ci-prow"):
        assert words in text
    assert text.count("<figure>") >= 3


def test_what_was_said(handed_out: tuple[Path, str]) -> None:
    """A table for each track, and where the files are."""
    said = handed_out[1]

    for words in ("sample: 9 series, guaranteed", "sample: 9 series, burstable", "sample: 9 series, nodes"):
        assert words in said
    for name in ("figures: ", "decisions: ", "report: "):
        assert name in said


@pytest.mark.parametrize(
    "targets",
    [
        {"json": "a.json", "html": "nowhere/b.html"},
        {"json": "a.json", "html": "folder"},
        {"json": "a.json", "html": "a.json"},
    ],
    ids=["no folder", "a folder", "the same twice"],
)
def test_all_files_or_none(tmp_path: Path, targets: dict[str, str]) -> None:
    """Where one file cannot be written it is refused before anything is played, and no other one is touched."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.json").write_text("older")
    paths: dict[str, Any] = {option: tmp_path / name for option, name in targets.items()}

    with pytest.raises(TraceError, match="--html"):
        replay(Wish(policies=["static"], workers=1, **paths), Console(file=StringIO()))
    assert {"folder", "a.json"} == {path.name for path in tmp_path.iterdir()}
    assert "older" == (tmp_path / "a.json").read_text()


def test_a_refused_replay_leaves_older_files_alone(tmp_path: Path) -> None:
    """An error of use touches nothing that was there."""
    kept = tmp_path / "figures.json"
    kept.write_text("older")

    with pytest.raises(TraceError):
        replay(Wish(paths=[tmp_path], json=kept), Console(file=StringIO()))
    assert "older" == kept.read_text()


def curve(**changes: Any) -> Curve:
    usage = np.array([100.0, 150.0, NAN, 400.0]) * MIB
    parts: dict[str, Any] = {
        "title": "shop/<web>",
        "remark": "",
        "start_s": 86_400 - 600,
        "step_s": 300,
        "usage": usage,
        "request": np.full(4, 200.0 * MIB),
        "limit": np.full(4, 300.0 * MIB),
        "other": None,
        "band": None,
    }
    return Curve(**{**parts, **changes})


def test_a_curve_shows_kills_days_and_sizes() -> None:
    """Usage above the limit is marked, a line says where a day begins, names cannot break the page."""
    drawn = svg(curve())

    assert 1 == drawn.count('class="kill"')
    assert "02 Jan" in drawn
    assert "shop/&lt;web&gt;" in drawn
    assert "400 MiB" in drawn


@pytest.mark.parametrize("usage", [np.full(4, NAN), np.zeros(4), np.full(2000, 3 * 2.0**30)])
def test_odd_curves_are_drawn(usage: np.ndarray) -> None:
    """Nothing measured, nothing used, and more points than a picture has."""
    sizes = np.full(usage.size, np.inf)
    drawn = svg(curve(usage=usage, request=np.zeros(usage.size), limit=sizes, other=np.full(usage.size, MIB)))

    assert drawn.startswith("<svg")
    assert "nan" not in drawn


@pytest.mark.parametrize(("mib", "words"), [(0, "0 MiB"), (1.5, "1.5 MiB"), (300, "300 MiB"), (1536, "1.5 GiB")])
def test_sizes_are_told_as_people_say_them(mib: float, words: str) -> None:
    """Few digits, and the unit that fits."""
    assert words == size_text(mib)
