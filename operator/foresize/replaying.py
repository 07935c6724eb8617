"""`foresize replay`: recorded history through Foresize and its peers, as a table and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from foresize.words import plain
from foresize_forecast.replay import peers, traces
from foresize_forecast.replay.figures import Figures, figures
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.picture import draw
from foresize_forecast.replay.simulate import Played, Sizer, play
from foresize_forecast.series import History

REFIT_S = 21_600
"""Four refits a day: the figures barely move with more, and the sample is done in seconds."""


def show(path: Path | None, picture: Path, console: Console) -> None:
    """Play a trace, print what each sizer would have done, write the picture.

    Raises:
        OSError: the trace cannot be read or the picture not written.
        ValueError: the trace is not of the form that is read.
    """
    trace = traces.bundled() if path is None else traces.read_csv(path)
    plays = [_played(trace, sizer, console) for sizer in _sizers()]
    console.print(table(trace, plays, "bundled sample" if path is None else path.name))
    draw(plays, picture)
    console.print(Text(f"picture: {plain(str(picture))}"), soft_wrap=True)


def table(trace: History, plays: Sequence[Played], source: str) -> Table:
    """One row a sizer; what is better where is said in the heading."""
    days = sum(trace.observed_days())
    words = f"{plain(source)}: {len(trace.containers)} containers, {days:.0f} container-days; less is better"
    made = Table(title=Text(words))
    for heading in ("sizer", "slack (bytes)", "kill episodes", "time above request", "limit / peak", "changes a day"):
        made.add_column(heading, justify="left" if heading == "sizer" else "right")
    for played in plays:
        made.add_row(played.sizer, *_cells(figures(played)))
    return made


def _sizers() -> Sequence[Sizer]:
    return (Foresize(refit_s=REFIT_S), peers.Vpa(), peers.Krr())


def _played(trace: History, sizer: Sizer, console: Console) -> Played:
    with console.status(f"playing {sizer.name}"):
        return play(trace, sizer)


def _cells(found: Figures) -> tuple[str, ...]:
    return (
        f"{found.slack_bytes:.1%}",
        f"{found.kill_episodes:.0f}",
        f"{found.overrun:.2%}",
        f"{found.limit_ratio:.2f}",
        f"{found.request_changes + found.limit_changes:.1f}",
    )
