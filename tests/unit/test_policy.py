"""MemoryPolicies, as users write them and as the operator takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import mi
from foresize.config.policy import DEFAULTS, Policy, PolicyProblem, parse
from foresize.config.selecting import Ref, Target
from foresize_forecast.moving.consent import Consent
from foresize_forecast.moving.disruption import Disruption, Window
from foresize_forecast.moving.idle import IdleAction, IdlePolicy
from foresize_forecast.prometheus.source import Metric
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, WorkloadPolicy

CRD = Path(__file__).parents[2] / "crds" / "memorypolicies.foresize.dev.yaml"
Json = dict[str, Any]


def resource(spec: object = None, **metadata: object) -> Json:
    named = {"namespace": "shop", "name": "web", "uid": "u-1", "generation": 3, **metadata}
    return {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z", **named}, "spec": spec}


def policy(**spec: object) -> Policy:
    found = parse(resource({"target": {"selector": {}}, **spec}))
    assert isinstance(found, Policy), found
    return found


def problem(**spec: object) -> str:
    found = parse(resource({"target": {"selector": {}}, **spec}))
    assert isinstance(found, PolicyProblem), found
    assert found.reason == "InvalidSpec"
    return found.message


def crd_defaults(schema: Json, path: str) -> Iterator[tuple[str, Any]]:
    """Every default in a schema by path; that of an object is one for each of its fields."""
    default = schema.get("default", {})
    fields = (
        {f"{path}.{name}": value for name, value in default.items()} if isinstance(default, dict) else {path: default}
    )
    yield from fields.items()
    for name, below in schema.get("properties", {}).items():
        yield from crd_defaults(below, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from crd_defaults(schema["items"], f"{path}[]")


def test_the_defaults_are_those_of_the_crd() -> None:
    """What `kubectl explain` says of a field that is left out is what happens."""
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    expected = list(crd_defaults(schema, ""))

    assert dict(expected) == DEFAULTS
    assert [] == [(path, value) for path, value in expected if value != DEFAULTS[path]]


def test_a_policy_with_a_target_only_recommends() -> None:
    """The smallest policy changes no pod; its sizes are the documented defaults."""
    found = policy()

    assert WorkloadPolicy() == found.workload
    assert Target(ref=None, selector={}) == found.target
    assert Metric.WORKING_SET == found.metric
    assert (False, False, False) == (found.paused, found.at_creation, found.in_place)
    assert IdlePolicy(1800, IdleAction.REPORT) == found.idle


def test_every_field_arrives() -> None:
    """Nothing that a user sets is lost on the way."""
    found = policy(
        paused=True,
        target={"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
        apply={"atCreation": True, "running": "InPlace"},
        containers=[
            {"name": "app-*", "min": "64Mi", "max": "1Gi", "request": {"overrun": 0.05}, "limit": {"strategy": "Keep"}},
            {"name": "proxy", "limit": {"strategy": "Ratio", "ratio": 3}},
            {"name": "*", "min": 67108864, "limit": {"headroom": 0.5, "killCost": "10Gi"}},
        ],
        history={"window": "7d", "step": "1m", "metric": "RSS"},
        horizon="12h",
        startup={"ignore": "0s"},
        pace={"lead": "5m", "cooldown": "1h"},
        leak={"action": "Hold"},
    )

    rows = (
        ("app-*", ContainerPolicy(mi(64), mi(1024), 0.05, LimitStrategy.KEEP)),
        ("proxy", ContainerPolicy(limit=LimitStrategy.RATIO, limit_ratio=3.0)),
        ("*", ContainerPolicy(min_bytes=mi(64), limit_headroom=0.5, kill_cost_bytes=mi(10_240))),
    )
    # 7 * 86400 s, 60 s, 12 * 3600 s, none, 3600 s, 5 * 60 s
    assert WorkloadPolicy(rows, 604_800, 60, 43_200, 0, 3600, 300, hold_leaks=True) == found.workload
    assert Target(Ref("apps/v1", "Deployment", "web"), None) == found.target
    assert Metric.RSS == found.metric
    assert (True, True, True) == (found.paused, found.at_creation, found.in_place)
    assert ("shop", "web", "u-1", 3) == (found.namespace, found.name, found.uid, found.generation)
    assert 1_767_225_600.0 == found.created_s  # date -u -d 2026-01-01 +%s


def test_a_selector_arrives_as_it_is() -> None:
    """Both forms of label selectors are taken."""
    selector = {"matchLabels": {"team": "shop"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}

    assert selector == policy(target={"selector": selector}).target.selector


def test_what_is_idle_and_what_happens_then_is_asked_for() -> None:
    """A policy that applies may have idle pods moved or stopped; the defaults report."""
    applies = {"running": "InPlace", "atCreation": True}

    assert IdlePolicy(3600, IdleAction.EVICT) == policy(apply=applies, idle={"after": "1h", "action": "Evict"}).idle
    assert IdlePolicy(1800, IdleAction.SCALE_TO_ZERO) == policy(apply=applies, idle={"action": "ScaleToZero"}).idle
    assert IdlePolicy() == policy(idle={}).idle


@pytest.mark.parametrize("action", ["Evict", "ScaleToZero"])
def test_a_policy_that_only_recommends_moves_and_stops_nothing(action: str) -> None:
    """Whoever asks for both is told which of the two to change."""
    assert f"spec.idle.action is '{action}': must be Report where spec.apply.running is None" in problem(
        idle={"action": action}
    )


def test_who_goes_ahead_of_pressure_is_asked_for() -> None:
    """Idle pods go where those may make room, those that work where that is asked for, and by default nobody."""
    applies = {"running": "InPlace", "atCreation": True}

    assert Consent.NONE is policy(apply=applies).relieves
    assert Consent.IDLE is policy(apply=applies, idle={"action": "Evict"}).relieves
    assert Consent.ANY is policy(apply=applies, pressure={"evict": "LowestPriority"}).relieves
    assert [False, True] == [policy(pressure=each).workload.reserve_movers for each in ({}, {"reserve": "LargeMovers"})]
    assert "spec.pressure.evict is 'LowestPriority': must be None where spec.apply.running is None" in problem(
        pressure={"evict": "LowestPriority"}
    )


def test_evictions_arrive_with_their_windows() -> None:
    """What a policy asks of evictions: 22:30 is minute 1350, Saturday and Sunday are days 5 and 6."""
    window = {"days": ["Sat", "Sun"], "start": "22:30", "duration": "4h", "timeZone": "Europe/Berlin"}
    found = policy(
        apply={"running": "InPlaceOrEvict", "atCreation": True},
        leak={"action": "Restart"},
        disruption={"after": "10m", "evictionsPerHour": 3, "windows": [window, {"start": "00:00", "duration": "10m"}]},
        horizon="12h",
    )

    windows = (Window(1350, 14_400, frozenset({5, 6}), "Europe/Berlin"), Window(0, 600))
    asked = Disruption(moves=True, restarts_leaks=True, after_s=600, per_hour=3, windows=windows, horizon_s=43_200)
    assert asked == found.disruption
    assert found.workload.hold_leaks
    assert Disruption() == policy().disruption


def test_null_is_not_set() -> None:
    """A field that a template leaves empty has its default."""
    assert policy() == policy(containers=None, history={"window": None}, pace=None, idle=None, paused=None)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"paused": "yes"}, "spec.paused is 'yes': must be true or false"),
        ({"target": {}}, "spec.target has neither of ref and selector: must have exactly one"),
        ({"target": None}, "spec.target has neither of ref and selector: must have exactly one"),
        ({"target": {"ref": {}, "selector": {}}}, "spec.target has both of ref and selector: must have exactly one"),
        ({"target": []}, "spec.target is []: must be an object"),
        ({"target": {"ref": {"kind": "Deployment"}}}, "spec.target.ref.apiVersion is missing: must be group/version"),
        ({"target": {"selector": {"matchLabels": {"a": 1}}}}, "spec.target.selector.matchLabels.a is 1: must be text"),
        (
            {"target": {"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}},
            "spec.target.selector.matchExpressions[0].operator is 'Near': must be one of In, NotIn, Exists, ",
        ),
        (
            {"target": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
            "spec.target.selector.matchExpressions[0].values is missing: must be a list of texts",
        ),
        ({"apply": {"running": "Now"}}, "spec.apply.running is 'Now': must be one of None, InPlace, InPlaceOrEvict"),
        ({"apply": {"running": "InPlace"}}, "spec.apply.running is 'InPlace': needs spec.apply.atCreation or template"),
        ({"containers": []}, "spec.containers is []: must be a list of 1 to 32 objects"),
        ({"containers": [{"name": "*"}] * 33}, "spec.containers is [{'name': '*'}, "),
        ({"containers": [{"min": "1Gi"}]}, "spec.containers[0].name is missing: must be a container's name"),
        ({"containers": [{"name": "a[b]"}]}, "spec.containers[0].name is 'a[b]': must be a container's name"),
        ({"history": {"window": "2 weeks"}}, "spec.history.window is '2 weeks': must be a duration from 1h to 90d"),
        ({"history": {"step": "5s"}}, "spec.history.step is '5s': must be a duration from 15s to 1h"),
        ({"history": {"metric": "Rss"}}, "spec.history.metric is 'Rss': must be one of WorkingSet, RSS"),
        ({"horizon": 86400}, "spec.horizon is 86400: must be a duration from 10m to 7d"),
        ({"startup": {"ignore": "3h"}}, "spec.startup.ignore is '3h': must be a duration from 0s to 2h"),
        ({"pace": {"cooldown": "1s"}}, "spec.pace.cooldown is '1s': must be a duration from 10s to 24h"),
        (
            {"leak": {"action": "Restart"}},
            "spec.leak.action is 'Restart': must be Alert or Hold where spec.apply.running is None: a policy that ",
        ),
        ({"disruption": {"after": "0s"}}, "spec.disruption.after is '0s': must be a duration from 1s to 24h, "),
        (
            {"disruption": {"windows": [{"start": "1:30", "duration": "1h"}]}},
            "spec.disruption.windows[0].start is '1:30': must be a time of day from 00:00 to 23:59, for example 22:30",
        ),
        (
            {"disruption": {"windows": [{"start": "01:30", "duration": "1h", "timeZone": "Mars/Base"}]}},
            "spec.disruption.windows[0].timeZone is 'Mars/Base': must be a time zone of the IANA database, for ",
        ),
        (
            {"disruption": {"windows": [{"start": "01:30", "duration": "1h", "days": ["Funday"]}]}},
            "spec.disruption.windows[0].days is ['Funday']: must be a list of Mon, Tue, Wed, Thu, Fri, Sat, Sun",
        ),
        ({"leak": {"action": "Ignore"}}, "spec.leak.action is 'Ignore': must be one of Alert, Hold, Restart"),
    ],
)
def test_an_error_names_the_field_its_value_and_what_is_allowed(spec: Json, said: str) -> None:
    """Whoever reads the condition knows what to change."""
    assert problem(**spec).startswith(said)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"min": "32"}, "min is '32': must be a memory quantity from 64Ki to 16Ti, for example 64Mi"),
        ({"min": "63Ki"}, "min is '63Ki': must be a memory quantity from 64Ki to 16Ti"),
        ({"min": True}, "min is True: must be a memory quantity"),
        ({"max": "32Ti"}, "max is '32Ti': must be a memory quantity"),
        ({"max": "lots"}, "max is 'lots': must be a memory quantity"),
        ({"min": "2Gi", "max": "1Gi"}, "min is '2Gi': must not be above spec.containers[1].max, '1Gi'"),
        ({"max": "1023Ki"}, "max is '1023Ki': must be a memory quantity from 1Mi to 16Ti"),
        ({"request": {"overrun": 0}}, "request.overrun is 0: must be a number from 0.0001 to 0.5"),
        ({"request": {"overrun": float("nan")}}, "request.overrun is nan: must be a number from 0.0001 to 0.5"),
        ({"request": {"overrun": "1%"}}, "request.overrun is '1%': must be a number from 0.0001 to 0.5"),
        ({"limit": {"strategy": "Max"}}, "limit.strategy is 'Max': must be one of Forecast, Ratio, EqualRequest, Keep"),
        ({"limit": {"headroom": -1}}, "limit.headroom is -1: must be a number from 0 to 10"),
        ({"limit": {"killCost": "0"}}, "limit.killCost is '0': must be a memory quantity from 1Mi to 16Ti"),
        ({"limit": {"ratio": True}}, "limit.ratio is True: must be a number from 1 to 100"),
    ],
)
def test_an_error_in_a_row_names_the_row(row: Json, said: str) -> None:
    """With many containers, the message says which; rows count from 0, as in kubectl's own messages."""
    assert problem(containers=[{"name": "a"}, {"name": "b", **row}]).startswith(f"spec.containers[1].{said}")


@pytest.mark.parametrize("name", ["../../nodes/n1", "web?watch=1", "Web", "", "a" * 254, "web\n"])
def test_a_reference_cannot_lead_elsewhere(name: str) -> None:
    """A name becomes part of the path that the operator reads with its own rights, so it is only ever a name."""
    message = problem(target={"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}})

    assert message.startswith("spec.target.ref.name is ")


@pytest.mark.parametrize("api_version", ["apps", "apps/v1/..", "../v1", "apps/v1?x"])
def test_an_api_version_cannot_lead_elsewhere(api_version: str) -> None:
    """The same for group and version."""
    message = problem(target={"ref": {"apiVersion": api_version, "kind": "Deployment", "name": "web"}})

    assert message.startswith("spec.target.ref.apiVersion is ")


def test_a_window_holds_at_least_twelve_steps() -> None:
    """An hour of 10 minute steps is 6 values: nothing to forecast from. 12 steps are 2 hours."""
    expected = "spec.history.window is 1h: must be at least 12 steps of 10m, which is 2h"

    assert expected == problem(history={"window": "1h", "step": "10m"}, horizon="1h")


def test_too_many_points_say_what_to_change() -> None:
    """90 d = 7,776,000 s by the minute is 129,600; over 50,000 that is 155.52 s. 50,000 min are 34 d 17 h 20 min."""
    expected = (
        "spec.history.window of 90d in steps of 1m is 129600 points: must be at most 50000; "
        "set spec.history.step to 2m36s or more, or window to 34d17h20m or less"
    )

    assert expected == problem(history={"window": "90d", "step": "1m"})
    assert 156 == policy(history={"window": "90d", "step": "2m36s"}).workload.step_s
    assert 60 == policy(history={"window": "34d17h20m", "step": "1m"}).workload.step_s


def test_the_horizon_is_no_longer_than_the_window() -> None:
    """A day ahead is not forecast from an hour."""
    expected = "spec.horizon is 1d: must not be longer than spec.history.window, 1h: shorten it or widen the window"

    assert expected == problem(history={"window": "1h"})
    assert 3600 == policy(history={"window": "1h"}, horizon="1h").workload.horizon_s


def test_the_lead_is_no_longer_than_the_horizon() -> None:
    """A peak beyond the horizon is not known."""
    assert "spec.pace.lead is 1h: must not be longer than spec.horizon, 30m" == problem(
        pace={"lead": "1h"}, horizon="30m"
    )


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease"])
def test_system_namespaces_take_a_setting(namespace: str) -> None:
    """A policy on kube-system does nothing, and says which setting would let it."""
    asked = resource({"target": {"selector": {}}}, namespace=namespace)

    refused = parse(asked)

    assert isinstance(refused, PolicyProblem)
    assert "ForbiddenNamespace" == refused.reason
    assert namespace in refused.message
    assert "--allow-kube-system" in refused.message
    assert isinstance(parse(asked, allow_kube_system=True), Policy)


def test_a_long_value_is_cut_in_the_message() -> None:
    """A condition stays readable whatever was written."""
    assert len(problem(horizon="9" * 10_000)) < 200


def test_a_policy_from_a_file_needs_no_metadata_of_the_cluster() -> None:
    """Namespace and name are enough."""
    found = parse({"metadata": {"namespace": "shop", "name": "web"}, "spec": {"target": {"selector": {}}}})

    assert isinstance(found, Policy)
    assert ("", 0, 0.0) == (found.uid, found.generation, found.created_s)


def test_a_row_stands_for_the_containers_that_it_matches() -> None:
    """`app-*` is app-1 and not proxy."""
    assert Policy.names("app-*", ["proxy", "app-1"])
    assert not Policy.names("app-*", ["proxy"])


def test_a_policy_of_the_cluster() -> None:
    """The same spec with a selector of namespaces in front, which may not be forgotten: {} is every namespace."""
    asked = {"kind": "ClusterMemoryPolicy", "metadata": {"name": "all"}, "spec": {"target": {"selector": {}}}}
    forgotten = parse(asked)
    found = parse({**asked, "spec": {**asked["spec"], "namespaceSelector": {"matchLabels": {"team": "shop"}}}})

    assert isinstance(forgotten, PolicyProblem)
    assert "spec.namespaceSelector is missing: must be a label selector of namespaces" in forgotten.message
    assert isinstance(found, Policy)
    assert ("", "ClusterMemoryPolicy all") == (found.namespace, found.title)
    assert {"matchLabels": {"team": "shop"}} == found.namespace_selector
    assert WorkloadPolicy() == found.workload


def test_pods_are_grouped_by_a_label() -> None:
    """Of the pods that a selector finds; a reference has nothing to group."""
    ref = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "etl"}

    assert Target(None, {}, "dagster/job-name") == policy(target={"selector": {}, "groupBy": "dagster/job-name"}).target
    assert "spec.target.groupBy is 'job': must be left out where target has a ref" in problem(
        target={"ref": ref, "groupBy": "job"}
    )
