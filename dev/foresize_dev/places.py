"""Where the harness finds and keeps things. Nothing is ever written into the repository."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS_SOURCES = REPOSITORY / "dev" / "parts"
CHART = REPOSITORY / "charts" / "foresize"
CRDS = REPOSITORY / "crds"


def parts_cache() -> Path:
    """Folder of the built parts: `FORESIZE_CACHE`, else the user's cache folder."""
    base = os.environ.get("FORESIZE_CACHE")
    if base:
        return Path(base) / "parts"
    home_cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home_cache) / "foresize" / "parts"


LANE = os.environ.get("FORESIZE_LANE") or os.environ.get("PYTEST_XDIST_WORKER", "")
"""Which of several clusters at a time is meant (`foresize_dev.lanes`); empty where there is one."""

NAME = f"foresize-dev-{LANE}" if LANE else "foresize-dev"

# Short, because the path of a unix socket holds 107 bytes.
STATE = Path(os.environ.get("FORESIZE_STATE", f"/var/lib/{NAME}"))
DEMO_STATE = STATE / "demo"
TEST_STATE = STATE / "test"
