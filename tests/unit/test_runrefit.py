"""What a refit makes of a workload of runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import metricserver
from builders import NOW_S, mi
from foresize.cluster.guard import Assignment
from foresize.cluster.workloads import Workload, read
from foresize.config.policy import Policy, parse
from foresize.passes.refit import Forecasts
from foresize.passes.senses import Foreseen
from foresize.sources.reader import FromPrometheus
from foresize_forecast.deciding.state import RunsKept
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.runs.attempt import Basis
from foresize_forecast.runs.digest import PastRun
from foresize_forecast.runs.schedule import Schedule
from metricserver import Metrics

CRONJOB = ("shop", "CronJob/nightly")
HOUR_S = 3600


class NoPool:
    """Runs are planned where they are read: no worker is asked."""

    def foresee(self, history: Any, wishes: Any) -> list[Any]:
        """Never."""
        raise AssertionError((history, wishes))

    def close(self) -> None:
        """Nothing to end."""


def cronjob() -> Workload:
    """A CronJob of one container that declares 512 MiB."""
    resources = {"requests": {"memory": "512Mi"}, "limits": {"memory": "512Mi"}}
    pod = {"spec": {"containers": [{"name": "app", "resources": resources}]}}
    spec = {"jobTemplate": {"spec": {"parallelism": 3, "template": pod}}}
    metadata = {"namespace": "shop", "name": "nightly", "uid": "uid", "generation": 4}
    return read({"metadata": metadata, "spec": spec}, "CronJob", "batch/v1")


def assignment() -> Assignment:
    """Under a policy of its own."""
    target = {"ref": {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly"}}
    metadata = {"namespace": "shop", "name": "nightly", "uid": "uid", "generation": 1}
    parsed = parse({"metadata": metadata, "spec": {"target": target, "history": {"window": "1d"}}})
    assert isinstance(parsed, Policy), parsed
    return Assignment(cronjob(), parsed, None)


def refitted(hours_ago: dict[float, float], workload: Workload | None = None) -> Forecasts:
    """After a refit; runs of ten minutes that began so many hours ago, with their peaks in MiB."""
    starts = {("shop", f"nightly-{29_000_000 + n}-bcdfg", "app"): ago for n, ago in enumerate(hours_ago)}
    since_s = {of: NOW_S - ago * HOUR_S for of, ago in starts.items()}
    until_s = {of: at_s + 600 for of, at_s in since_s.items()}
    steady = {of: float(mi(peak)) for of, peak in zip(starts, hours_ago.values(), strict=True)}
    known = Forecasts()
    with metricserver.serving(Metrics(steady, since_s, until_s)) as source:
        reader = FromPrometheus(source)
        known.refit(reader, NoPool(), [replace(assignment(), workload=workload or cronjob())], NOW_S, 1800.0)
    return known


def test_a_cronjob_is_read_as_its_controller_does() -> None:
    """The pod template is the Job's, its parallelism are its replicas, and nothing is ever rolled out."""
    found = cronjob()

    assert ({"app"}, 3, "", True) == (set(found.template), found.replicas, found.rollout, found.runs)


def test_what_a_cronjob_does_is_told_apart_from_what_it_gets() -> None:
    """Its schedule as it is written; another revision for other arguments, and the same for other memory."""
    item: dict[str, Any] = {"metadata": {"namespace": "shop", "name": "nightly", "uid": "uid"}}

    def revision(**container: Any) -> str:
        pod = {"spec": {"containers": [{"name": "app", "image": "job:1", **container}]}}
        spec = {"schedule": "30 2 * * *", "timeZone": "Asia/Tokyo", "jobTemplate": {"spec": {"template": pod}}}
        found = read(item | {"spec": spec}, "CronJob", "batch/v1")
        assert Schedule("30 2 * * *", "Asia/Tokyo") == found.schedule
        return found.revision

    first = revision()
    assert first == revision(resources={"limits": {"memory": "1Gi"}}, terminationMessagePath="/dev/null")
    assert 4 == len({first, revision(image="job:2"), revision(args=["--all"]), revision(env=[{"name": "A"}])})


def test_each_pod_is_a_run() -> None:
    """Three runs, the highest of 110 MiB: the plan rests on each of them, not on their maximum over time."""
    found = refitted({5: 100, 3: 100, 1: 110}).foreseen[CRONJOB]

    # headroom.py's worked example: 110 + 32.5, and 4 that no sample shows.
    assert Basis.RUNS is found.runs["app"].plan.basis
    assert 146 == int(found.runs["app"].plan.one_size_bytes / mi(1))
    assert {} == found.forecasts
    assert abs(NOW_S - 5 * HOUR_S - found.runs["app"].began_s) <= 120  # the third newest
    assert 0.0 == refitted({5: 100, 3: 100}).foreseen[CRONJOB].runs["app"].began_s


def test_an_init_container_that_is_hardly_ever_seen_is_no_fault() -> None:
    """It may end between two scrapes: nobody is told that its history is missing."""
    job = replace(cronjob(), init=cronjob().template, template={})

    assert {} == refitted({5: 100}, job).foreseen[CRONJOB].forecasts


def test_what_goes_on_is_no_run_yet() -> None:
    """A pod with a sample of the last minutes has not ended: two are too few, and the reason says so."""
    found = refitted({5: 100, 3: 100, 0.1: 110}).foreseen[CRONJOB]

    assert NoOutlook("TooFewRuns", "runs before it: 2, needed: 3; starts as declared") == found.forecasts["app"]


GROUP = ("shop", "PodLabel/job=etl")


def regrouped(metrics: Metrics, pods: tuple[str, ...], kept: dict[str, RunsKept]) -> Foreseen:
    """After a refit of a group of pods with these names."""
    target = {"selector": {}, "groupBy": "job"}
    metadata = {"namespace": "shop", "name": "jobs", "uid": "uid", "generation": 1}
    parsed = parse({"metadata": metadata, "spec": {"target": target, "history": {"window": "1d"}}})
    assert isinstance(parsed, Policy), parsed
    group = replace(cronjob(), api_version="v1", kind="PodLabel", name="job=etl", pods=pods)
    known = Forecasts(remembered=lambda _: kept)
    with metricserver.serving(metrics) as source:
        reader = FromPrometheus(source)
        known.refit(reader, NoPool(), [Assignment(group, parsed, None)], NOW_S, 1800.0)
    return known.foreseen[GROUP]


def test_a_groups_runs_outlive_their_pods() -> None:
    """Two are remembered, one has been measured since: together they are enough, each counts once."""
    past = tuple(PastRun(NOW_S - ago * HOUR_S, NOW_S - ago * HOUR_S + 600, float(mi(100))) for ago in (5.0, 3.0))
    kept = {"app": RunsKept(cronjob().template["app"], past)}
    of = ("shop", "etl-x7k2p", "app")
    began_s = NOW_S - HOUR_S
    metrics = Metrics({of: float(mi(110))}, {of: began_s}, {of: began_s + 600})

    found = regrouped(metrics, ("etl-x7k2p",), kept).runs["app"]
    again = regrouped(metrics, ("etl-x7k2p",), {"app": replace(kept["app"], past=found.past)}).runs["app"]
    gone = regrouped(Metrics({}), (), {"app": replace(kept["app"], past=found.past)}).runs["app"]

    assert 3 == len(found.past)
    assert found.past == again.past == gone.past
    assert 146 == int(gone.plan.one_size_bytes / mi(1))


def test_nothing_measured() -> None:
    """A CronJob that has not run yet says why nothing is known, and keeps its template's size."""
    found = refitted({})

    assert isinstance(found.foreseen[CRONJOB].forecasts["app"], NoOutlook)
    assert {CRONJOB} == set(found.refusals)
