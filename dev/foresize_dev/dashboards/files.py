"""The dashboards as files of the chart, and what they ask."""

import json
from pathlib import Path

from foresize_dev.dashboards import fleet, node, operator, workload
from foresize_dev.dashboards.build import Dashboard
from foresize_dev.places import CHART

ALL = (fleet.FLEET, workload.WORKLOAD, node.NODE, operator.OPERATOR)
FOLDER = CHART / "dashboards"


def wanted() -> dict[Path, str]:
    """What each file should hold."""
    return {FOLDER / f"{each.name}.json": json.dumps(each.json(), indent=1) + "\n" for each in ALL}


def questions(dashboard: Dashboard, **chosen: str) -> dict[str, str]:
    """Every query of a dashboard, by its panel and its number there, with a reader's choices in their places.

    Args:
        dashboard: whose panels.
        chosen: values of its variables; all clusters, and a minute for what Grafana works out of the time range.
    """
    values = {"cluster": ".*", "__rate_interval": "1m", "__range": "10m", **chosen}
    found = {}
    for row in dashboard.rows:
        for panel in row.panels:
            for number, query in enumerate(panel.queries):
                text = query.promql
                for name in sorted(values, key=len, reverse=True):
                    text = text.replace(f"${name}", values[name])
                found[f"{panel.title} ({number})"] = text
    return found
