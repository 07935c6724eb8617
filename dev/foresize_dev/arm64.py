"""Whether the image's locked packages have wheels for arm64 too: `python -m foresize_dev.arm64`.

pip is asked what it would install on such a machine, with the lock's hashes and without building anything; an image for
it cannot be built on this one.
"""

import re
import subprocess
import sys

from foresize_dev.places import REPOSITORY

GLIBC = (17, 27, 28, 31, 34)
"""Versions 2.x that wheels are tagged with, up to that of the Dockerfile's base (Debian 13 has 2.41)."""
TIMEOUT_S = 600


def main() -> int:
    """Ask; pip's exit code."""
    python = re.search(r"python:(\d+\.\d+)-slim", (REPOSITORY / "Dockerfile").read_text())
    if python is None:
        raise SystemExit("no `FROM python:X.Y-slim` in the Dockerfile")
    tags = ["manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in GLIBC)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", "--implementation", "cp", "--python-version", python[1]),
            *(part for tag in tags for part in ("--platform", tag)),
            *("--target", "/nowhere", "--requirement", str(REPOSITORY / "requirements.lock")),
        ],
        check=False,
        timeout=TIMEOUT_S,
    )
    print(f"arm64, Python {python[1]}: {'all wheels are there' if done.returncode == 0 else 'wheels are missing'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
