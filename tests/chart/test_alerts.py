"""The alerts: what raises them, what they say, and where they send who reads them."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from foresize import metrics
from foresize.webhook import metrics as webhook
from foresize_dev.metricdocs import named
from foresize_dev.places import CHART, REPOSITORY

Json = dict[str, Any]
Render = Callable[..., list[Json]]
FILE = CHART / "rules" / "foresize.yaml"
GROUPS = yaml.safe_load(FILE.read_text())["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
CASES = Path(__file__).parent / "alerts.yaml"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
HEADINGS = ["Symptom", "What it means", "What to do"]
PROMTOOL_TIMEOUT_S = 60


def promtool(*arguments: str, folder: Path) -> str:
    """What it says; raises CalledProcessError where it finds fault."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool here: it is in the Debian package prometheus")
    command = [program, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PROMTOOL_TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_reads_the_rules() -> None:
    """The plain file is one that Prometheus takes as it is."""
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", FILE.name, folder=FILE.parent)


def test_each_alert_fires_when_it_should_and_says_what_is_wrong(tmp_path: Path) -> None:
    """Prometheus' own engine: labels and words of each alert in a case that raises it, and silence in one near it."""
    shutil.copy(FILE, tmp_path / FILE.name)
    shutil.copy(CASES, tmp_path / CASES.name)

    assert "SUCCESS" in promtool("test", "rules", CASES.name, folder=tmp_path)


def test_each_alert_has_a_case_that_raises_it_and_one_that_does_not() -> None:
    """None is there that was never seen to fire, or never seen to be quiet."""
    seen: dict[str, set[bool]] = {name: set() for name in ALERTS}
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for expected in case["alert_rule_test"]:
            seen[expected["alertname"]].add(bool(expected["exp_alerts"]))

    assert {name: {True, False} for name in ALERTS} == seen


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_tells_what_is_wrong_and_where_to_read_on(name: str) -> None:
    """A summary, a description, how bad it is, and a page with symptom, meaning and commands."""
    rule = ALERTS[name]
    page = RUNBOOKS / f"{name}.md"

    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert REPOSITORY / rule["annotations"]["runbook_url"] == page
    text = page.read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert re.search(r"^    kubectl ", text, re.MULTILINE)


def test_no_page_is_about_an_alert_that_is_gone() -> None:
    """Each page of docs/runbooks is some alert's."""
    assert set(ALERTS) == {path.stem for path in RUNBOOKS.iterdir()}


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_asks_for_metrics_that_are_served(name: str) -> None:
    """A metric that was renamed would silence its alerts for ever."""
    known = named(metrics.REGISTRY) | named(webhook.REGISTRY)

    assert set(re.findall(r"foresize_\w+", ALERTS[name]["expr"])) <= set(known)


def test_the_charts_rules_are_the_plain_files(render: Render) -> None:
    """The PrometheusRule has the same groups; only the address in front of the pages is yours."""
    [rule] = _rules(render({"metrics": {"prometheusRule": {"enabled": True}}}))
    assert rule["spec"]["groups"] == GROUPS

    [rule] = _rules(render({"metrics": {"prometheusRule": {"enabled": True, "runbookUrl": "https://example.com/x/"}}}))
    links = {each["alert"]: each["annotations"]["runbook_url"] for each in rule["spec"]["groups"][0]["rules"]}
    assert links == {name: f"https://example.com/x/docs/runbooks/{name}.md" for name in ALERTS}


def test_an_alert_is_changed_by_its_name(render: Render) -> None:
    """Left out, slower or more severe, without a copy of the rules; a name that there is not is refused."""
    changes: Json = {
        "ForesizeNoHistory": {"enabled": False},
        "ForesizeMemoryLeak": {"for": "3h", "severity": "critical"},
    }
    [rule] = _rules(render({"metrics": {"prometheusRule": {"enabled": True, "alerts": changes}}}))
    found = {each["alert"]: each for each in rule["spec"]["groups"][0]["rules"]}

    assert set(ALERTS) - set(found) == {"ForesizeNoHistory"}
    leak = found["ForesizeMemoryLeak"]
    assert (leak["for"], leak["labels"]["severity"]) == ("3h", "critical")
    with pytest.raises(subprocess.CalledProcessError, match="returned non-zero") as refused:
        render({"metrics": {"prometheusRule": {"alerts": {"ForesizeMemoryleak": {"enabled": False}}}}})
    assert "ForesizeMemoryleak" in refused.value.stderr


def _rules(manifests: list[Json]) -> list[Json]:
    return [each for each in manifests if each["kind"] == "PrometheusRule"]
