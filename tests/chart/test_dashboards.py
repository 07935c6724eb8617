"""The dashboards: made from their descriptions, valid for Grafana, asking for what is served."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresize import metrics
from foresize.webhook import metrics as webhook
from foresize_dev import parts
from foresize_dev.dashboards import files
from foresize_dev.dashboards.build import Dashboard
from foresize_dev.metricdocs import named

Json = dict[str, Any]
Render = Callable[..., list[Json]]
ADDRESSES = {"foresize-fleet", "foresize-workload", "foresize-node", "foresize-operator"}
OTHERS = {"container_memory_working_set_bytes", "container_spec_memory_limit_bytes", "machine_memory_bytes"}
"""Of the kubelet's cAdvisor, which sizing needs too."""
LENGTHS = ("_bucket", "_sum", "_count")
CHECK_TIMEOUT_S = 60
LEFT_OVER = re.compile(r"CLUSTER|THESE|\{\{|\}\}")


def check(*paths: Path) -> str:
    """What Grafana's schema has against dashboards; empty where nothing."""
    try:
        program = parts.find(parts.DASHCHECK)
    except parts.BuildError as error:
        pytest.skip(str(error))
    if program is None:
        pytest.skip("no dashcheck here: it is built by `make parts`")
    return subprocess.run(
        [str(program), *map(str, paths)], capture_output=True, text=True, check=False, timeout=CHECK_TIMEOUT_S
    ).stderr


def test_the_files_are_what_their_descriptions_make() -> None:
    """Nobody edits them by hand: `python -m foresize_dev.dashboards` writes them."""
    assert {path: path.read_text() for path in files.FOLDER.iterdir()} == files.wanted()


def test_grafana_would_read_them() -> None:
    """Its published schema finds no field that it does not know, none missing, no value that is not allowed."""
    assert not check(*files.wanted())


@pytest.mark.parametrize("spoilt", [{"foo": 1}, {"gridPos": {"w": 25}}, {"fieldConfig": {"defaults": {"custom": {}}}}])
def test_the_check_would_find_what_is_wrong(tmp_path: Path, spoilt: Json) -> None:
    """A field of a panel that there is not, or one that is missing, is told with its place."""
    page = json.loads(next(text for path, text in files.wanted().items() if path.stem == "fleet"))
    table = next(panel for panel in page["panels"] if panel["type"] == "table")
    table |= spoilt
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(page))

    assert f"panels[{page['panels'].index(table)}]" in check(path)


def test_their_addresses_stay() -> None:
    """Links to a dashboard outlive its next version: the uid is fixed, and short enough for Grafana (40)."""
    assert {each.uid for each in files.ALL} == ADDRESSES
    assert all(len(uid) <= 40 for uid in ADDRESSES)


@pytest.mark.parametrize("dashboard", files.ALL, ids=lambda each: each.name)
def test_each_panel_says_what_it_shows_and_asks_for_what_there_is(dashboard: Dashboard) -> None:
    """A title and a sentence; metrics that are served, by labels that they have; the reader's source and clusters."""
    page = dashboard.json()
    served = {**named(metrics.REGISTRY), **named(webhook.REGISTRY)}
    panels = [panel for panel in page["panels"] if panel["type"] != "row"]

    assert [each["name"] for each in page["templating"]["list"]][:2] == ["datasource", "cluster"]
    assert len({panel["id"] for panel in page["panels"]}) == len(page["panels"])
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert 'cluster=~"$cluster"' in target["expr"]
            assert not LEFT_OVER.search(target["expr"])
            for name in re.findall(r"\b(foresize_\w+)", target["expr"]):
                stem = next((name.removesuffix(end) for end in LENGTHS if name.endswith(end)), name)
                assert stem in served or name in served, name
            others = set(re.findall(r"\b((?:container|machine)_memory\w+|container_spec\w+)", target["expr"]))
            assert others <= OTHERS


def test_panels_do_not_lie_on_each_other() -> None:
    """Every cell of the grid is one panel's, and none goes beyond its 24 columns."""
    for dashboard in files.ALL:
        taken: set[tuple[int, int]] = set()
        for panel in dashboard.json()["panels"]:
            place = panel["gridPos"]
            cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_the_sidecar_finds_them(render: Render) -> None:
    """One ConfigMap each, with the label it looks for, in the namespace and the folder that you say; off by default."""
    asked = {"enabled": True, "namespace": "grafana", "annotations": {"grafana_folder": "Foresize"}}
    found = [each for each in render({"dashboards": asked}) if each["kind"] == "ConfigMap"]
    texts = {name: text for each in found for name, text in each["data"].items()}

    assert not [each for each in render() if each["kind"] == "ConfigMap"]
    assert {name: json.loads(text) for name, text in texts.items()} == {
        f"foresize-{each.name}.json": each.json() for each in files.ALL
    }
    for each in found:
        metadata = each["metadata"]
        assert metadata["namespace"] == "grafana"
        assert metadata["labels"]["grafana_dashboard"] == "1"
        assert metadata["annotations"] == {"grafana_folder": "Foresize"}
