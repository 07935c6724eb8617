"""Writes the chart's dashboards: `python -m foresize_dev.dashboards`."""

import sys

from foresize_dev.dashboards import files

for path, text in files.wanted().items():
    path.write_text(text)
    print(path, file=sys.stderr)
