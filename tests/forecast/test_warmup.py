"""What is compiled ahead for the image, and what happens where nothing of it can be kept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from foresize_forecast.forecasting.forecast import BY_SHAPE
from foresize_forecast.forecasting.outlook import NoOutlook, ShapeKind
from foresize_forecast.warmup import warm_up

READ_ONLY = """
import os, sys
def refuse(event, args):
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    if event == "open" and isinstance(args[2], int) and args[2] & writes or event in ("os.mkdir", "os.symlink"):
        raise PermissionError(30, "Read-only file system", args[0])
sys.addaudithook(refuse)
"""
"""Python asks this before it opens a file or makes a directory, so that no user's rights bear on it."""

DECIDE = """
import json
import numpy as np
from foresize_forecast.forecasting.jumps import jumps_above
from foresize_forecast.forecasting.levels import in_force, recent_peaks
from foresize_forecast.sizing.plan import _cheapest_cuts
usage = 1e8 * (1.0 + np.random.default_rng(1).random((2, 300)))
usage[1, 100:120] = np.nan
held = in_force(usage, recent_peaks(usage, 24), 300)
records = jumps_above(usage, held, 300, np.array([0, 150]))
cuts = _cheapest_cuts(usage[0], 1e7)
print(json.dumps([held[:, 1:].tolist(), [record.counts.tolist() for record in records], cuts]))
"""

COMPILED = """
import numpy as np
from numba.core.registry import CPUDispatcher
from foresize_forecast.forecasting import jumps, levels
from foresize_forecast.sizing import plan
from foresize_forecast import warmup
from foresize_forecast.exactprophet import paths, projection, search
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.series import ContainerKey, Grid, History
modules = (jumps, levels, plan, paths, projection, search)
found = {name: each for module in modules for name, each in vars(module).items()
         if isinstance(each, CPUDispatcher) and each.targetoptions.get("inline", "never") == "never"}
def signatures():
    return {name: tuple(each.signatures) for name, each in found.items()}
warmup.warm_up()
warmed = signatures()
assert len(found) > 10
never = {name for name, known in warmed.items() if not known}
assert never <= {"_add_coordinates", "_take_away"}, never  # called by compiled code, which holds them
rng = np.random.default_rng(2)
for rows, count, step_s in ((40, 500, 3600), (3, 1, 300), (2, 900, 300)):
    season = 1.0 + (np.arange(count) * step_s % 86400 < 20000)
    usage = 1e8 * (season + 0.1 * rng.random((rows, count)))
    usage[0, : count // 3] = np.nan
    usage.setflags(write=False)
    keys = tuple(ContainerKey("shop", "Deployment/web", str(row)) for row in range(rows))
    wishes = [Wish(Question(), 600, 7200)] * rows
    foresee(History(Grid(0, step_s, count), keys, usage, np.full(rows, np.nan)), wishes)
assert {} == {name: now for name, now in signatures().items() if now != warmed[name]}
"""


def run(program: str) -> str:
    """What a program of its own prints; its warnings are errors too."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sizes_are_computed_where_nothing_can_be_written() -> None:
    """No cache, no temporary directory, no home: levels, jumps and plans are the same to the byte."""
    assert json.loads(run(DECIDE)) == json.loads(run(READ_ONLY + DECIDE))


def test_one_module_asks_numba_to_compile() -> None:
    """No function of the brain fails at import for want of a place to keep its machine code."""
    brain = Path(__file__).parents[2] / "forecaster" / "foresize_forecast"
    asking = [
        path
        for path in sorted(brain.rglob("*.py"))
        if re.search(r"^(from|import) numba", path.read_text(), re.MULTILINE)
    ]

    assert [brain / "exactprophet" / "compiling.py"] == asking


def test_after_the_warm_up_no_forecast_compiles_anything() -> None:
    """Each compiled function is called by it, with the kinds of arguments that forecasts of any history have."""
    run(COMPILED)


def test_the_warm_up_tries_every_model() -> None:
    """Its curves have the shapes that models are tried on, and each has a forecast."""
    made = [each for each in warm_up() if not isinstance(each, NoOutlook)]
    kinds = [each.outlook.shape.kind for each in made]

    assert [ShapeKind.FLAT, ShapeKind.SEASONAL, ShapeKind.LEAKING, ShapeKind.BURSTY] == kinds
    tried = {model.name for kind in kinds for model in BY_SHAPE.get(kind, ())}
    assert {model.name for models in BY_SHAPE.values() for model in models} == tried
    assert all(np.isfinite(each.outlook.level).all() for each in made)


def test_the_image_runs_what_its_build_compiled() -> None:
    """The folder that the build fills is the one that is looked at, and is copied along with the sources."""
    dockerfile = (Path(__file__).parents[2] / "Dockerfile").read_text()
    build, _, image = dockerfile.partition("\nFROM python:3.13-slim\n")
    filled = re.search(r"RUN NUMBA_CACHE_DIR=(\S+) .*-m foresize_forecast\.warmup", build)

    assert filled is not None
    assert build.index("pip install --no-deps") < filled.start()
    assert f"NUMBA_CACHE_DIR={filled[1]}\n" in image
    assert filled[1].startswith("/opt/foresize/")
    assert "COPY --from=build /opt/foresize /opt/foresize\n" in image
