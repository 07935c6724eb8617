"""From a short description to Grafana's JSON: variables, rows, panels that find their own place.

Every query goes to the data source that a reader chooses, and asks for the clusters that he chooses; where series have
no label `cluster` that is all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
"""Columns of Grafana's grid."""
SCHEMA_VERSION = 39
"""Of Grafana 11; later ones read it too."""
ROW_HEIGHT = 1


@dataclass(frozen=True)
class Query:
    """What is asked; in `expr`, CLUSTER stands for the condition on clusters."""

    expr: str
    legend: str = ""

    @property
    def promql(self) -> str:
        """As Grafana sends it, with its variables."""
        return self.expr.replace("CLUSTER", 'cluster=~"$cluster"')


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: what it shows.
        text: how to read it.
        queries: what it asks.
        kind: timeseries, stat or table.
        unit: as Grafana names units.
        width: of 24 columns.
        height: in rows of the grid.
        stacked: areas on top of each other.
    """

    title: str
    text: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8
    stacked: bool = False

    @property
    def is_instant(self) -> bool:
        """Whether only the present is asked for."""
        return self.kind != "timeseries"


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """A choice at the top, made of a label's values.

    Attributes:
        name: as queries name it.
        label: as a reader sees it.
        asked: `label_values(...)`.
        many: whether several, and all, may be chosen.
        regex: the part of a value that is taken.
        hidden: not for a reader.
    """

    name: str
    label: str
    asked: str
    many: bool = False
    regex: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class Dashboard:
    """One page."""

    name: str
    title: str
    text: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = field(default=())

    @property
    def uid(self) -> str:
        """Its address, the same for ever."""
        return f"foresize-{self.name}"

    def json(self) -> Json:
        """As Grafana reads it."""
        return {
            "uid": self.uid,
            "title": f"Foresize / {self.title}",
            "description": self.text,
            "tags": ["foresize"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "1m",
            "time": {"from": "now-24h", "to": "now"},
            "annotations": {"list": []},
            "templating": {"list": [_SOURCES, *(_variable(each) for each in (_CLUSTERS, *self.variables))]},
            "links": [_LINK],
            "panels": list(_placed(self.rows)),
        }


def stat(title: str, text: str, expr: str, unit: str = "short", width: int = 4) -> Panel:
    """One number."""
    return Panel(title, text, [Query(expr)], kind="stat", unit=unit, width=width, height=4)


def table(title: str, text: str, expr: str, unit: str = "short", width: int = 12) -> Panel:
    """What is now, a line each."""
    return Panel(title, text, [Query(expr)], kind="table", unit=unit, width=width)


def lines(title: str, text: str, *queries: tuple[str, str], unit: str = "short", stacked: bool = False) -> Panel:
    """(query, legend) over time."""
    return Panel(title, text, [Query(*each) for each in queries], unit=unit, stacked=stacked)


def quantiles(title: str, text: str, metric: str, by: str) -> Panel:
    """The median and the slowest hundredth of a histogram of seconds."""
    rate = f"sum by (le, {by}) (rate({metric}_bucket{{CLUSTER}}[$__rate_interval]))"
    asked = [(f"histogram_quantile({q}, {rate})", f"{{{{{by}}}}} {name}") for q, name in ((0.5, "p50"), (0.99, "p99"))]
    return lines(title, text, *asked, unit="s")


_SOURCES: Json = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
    "hide": 0,
    "refresh": 1,
}
_CLUSTERS = Variable("cluster", "Cluster", "label_values(foresize_leader, cluster)", many=True)
_LINK: Json = {
    "title": "Foresize",
    "type": "dashboards",
    "tags": ["foresize"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
    "icon": "external link",
    "tooltip": "",
    "targetBlank": False,
}


def _variable(each: Variable) -> Json:
    """Values are asked for anew when the time range changes: workloads come and go."""
    every: Json = {"includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return {
        "name": each.name,
        "label": each.label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": each.asked.replace("CLUSTER", 'cluster=~"$cluster"'), "refId": "variable"},
        "refresh": 2,
        "regex": each.regex,
        "sort": 1,
        "hide": 2 if each.hidden else 0,
        **(every if each.many else {}),
    }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Panels from left to right, then in the next line; each row's heading above them."""
    number, top = 1, 0
    for row in rows:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"h": ROW_HEIGHT, "w": WIDTH, "x": 0, "y": top},
            "panels": [],
        }
        number, top, left, height = number + 1, top + ROW_HEIGHT, 0, 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                left, top, height = 0, top + height, 0
            yield _panel(panel, number, {"h": panel.height, "w": panel.width, "x": left, "y": top})
            number, left, height = number + 1, left + panel.width, max(height, panel.height)
        top += height


def _panel(panel: Panel, number: int, place: Json) -> Json:
    custom: Json = {"align": "auto", "inspect": False} if panel.kind == "table" else {}
    if panel.kind == "timeseries":
        custom = {"lineWidth": 1, "fillOpacity": 30 if panel.stacked else 0, "showPoints": "never"}
        custom |= {"stacking": {"mode": "normal", "group": "A"}} if panel.stacked else {}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": custom}, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "transformations": _TABLE if panel.kind == "table" else [],
        "targets": [_target(query, panel, letter) for query, letter in zip(panel.queries, "ABCDEFGH", strict=False)],
    }


def _target(query: Query, panel: Panel, letter: str) -> Json:
    return {
        "refId": letter,
        "datasource": SOURCE,
        "expr": query.promql,
        "legendFormat": query.legend or "__auto",
        "instant": panel.is_instant,
        "range": not panel.is_instant,
        "format": "table" if panel.kind == "table" else "time_series",
    }


_OPTIONS: dict[str, Json] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "none",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    },
    "table": {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
}
_TABLE: list[Json] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
