"""History from a real Prometheus. The data is described in conftest.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foresize_forecast.prometheus import (
    HistoryAnswer,
    HistoryRequest,
    Matcher,
    Metric,
    RefusalKind,
    Source,
    grid_until,
    history,
    pod_pattern,
)
from foresize_forecast.series import ContainerKey, Grid
from prometheus.conftest import Server

pytestmark = pytest.mark.prometheus
MIB = 1 << 20
WEB = HistoryRequest("shop", "Deployment/web", pod_pattern("Deployment", "web"))
DB = HistoryRequest("bare", "StatefulSet/db", pod_pattern("StatefulSet", "db"))


def two_hours(server: Server, step_s: int = 300) -> Grid:
    return Grid(server.base_s, step_s, 7200 // step_s)


def mib(answer: HistoryAnswer, container: str) -> list[float | None]:
    """The row of a container in whole MiB, None for a gap."""
    row = next(i for i, key in enumerate(answer.history.containers) if key.container == container)
    return [None if np.isnan(value) else value / MIB for value in answer.history.usage[row]]


def test_row_is_peak_per_interval_over_living_and_dead_pods(server: Server) -> None:
    """A container's history is the highest sample of each interval, over all pods that its workload ever had."""
    answer = history(server.source, [WEB], two_hours(server))

    # 24 intervals of 5 minutes. Hour 1: 100, but 200 in the interval of second 1530 (1530 / 300 = 5.1: the sixth).
    # Hour 2: the second pod's first two intervals are its start-up and left out; then 120, of replica b 121.
    first_hour = [100] * 5 + [200] + [100] * 6
    assert first_hour + [None] * 2 + [121] * 10 == mib(answer, "web")
    assert {} == answer.refusals


def test_start_up_is_set_apart(server: Server) -> None:
    """The first minutes of a pod are not usage, but their peak is kept; a pod that was there before has none."""
    answer = history(server.source, [WEB], two_hours(server))

    # The first pod was there at the window's start; the second one read 301 MiB at its start (replica b).
    row = answer.history.containers.index(ContainerKey("shop", "Deployment/web", "web"))
    assert 301 * MIB == answer.history.startup_peak[row]


def test_without_start_up_every_sample_is_usage(server: Server) -> None:
    """A policy that ignores no start-up sees the start-up peak as usage."""
    answer = history(server.source, [replace(WEB, startup_ignore_s=0)], two_hours(server))

    assert [301] + [121] * 11 == mib(answer, "web")[12:]
    assert np.isnan(answer.history.startup_peak[-1])


def test_recorded_owner_decides_against_the_name(server: Server) -> None:
    """A pod named like the workload's but owned by another is left out; a pod named otherwise but owned is counted."""
    answer = history(server.source, [WEB], two_hours(server))

    # 800 MiB of the DaemonSet's pod appear nowhere; `renamed` has container helper at 40 MiB.
    assert [ContainerKey("shop", "Deployment/web", name) for name in ("helper", "web")] == list(
        answer.history.containers
    )
    assert {40} == set(mib(answer, "helper")[2:])
    assert [1, 2] == [len(facts.first_samples_s) for facts in answer.facts]
    assert [(0, False), (0, False)] == [(facts.rejected, facts.partial) for facts in answer.facts]


def test_names_decide_where_no_owner_is_recorded(server: Server) -> None:
    """Without kube-state-metrics a workload's pods are told by name, and only by the whole of it."""
    source = replace(server.source, matchers=(Matcher("cluster", "=", "eu"),))
    answer = history(source, [DB], two_hours(server))

    # db-0 has 10, db-1 20 MiB; db-proxy-0 and dbx0 are others.
    assert {20} == set(mib(answer, "main"))
    assert {"db-0", "db-1"} == set(answer.facts[0].first_samples_s)


def test_extra_matchers_keep_clusters_apart(server: Server) -> None:
    """Of a source that holds many clusters only the matching one is read."""
    source = replace(server.source, matchers=(Matcher("cluster", "=", "us"),))

    assert {70} == set(mib(history(source, [DB], two_hours(server)), "main"))


def test_only_wanted_containers_are_rows(server: Server) -> None:
    """A request for some containers has rows for those."""
    answer = history(server.source, [replace(WEB, containers=("helper",))], two_hours(server))

    assert ("helper",) == tuple(key.container for key in answer.history.containers)


def test_rss_is_read_where_asked_for(server: Server) -> None:
    """A policy may size by anonymous memory alone."""
    answer = history(server.source, [replace(WEB, metric=Metric.RSS)], two_hours(server))

    assert [None] * 14 + [91] * 10 == mib(answer, "web")


def test_what_cannot_be_memory_is_a_gap(server: Server) -> None:
    """NaN, negative, infinite and impossibly large values are gaps that are counted; 0 is an exited container."""
    request = HistoryRequest("absurd", "StatefulSet/odd", pod_pattern("StatefulSet", "odd"))
    answer = history(server.source, [request], Grid(server.base_s, 300, 7))

    # By interval: 5e6, NaN, -5e6, +Inf, 1e18, 0, 6e6.
    expected = [5e6, np.nan, np.nan, np.nan, np.nan, np.nan, 6e6]
    np.testing.assert_array_equal(expected, answer.history.usage[0])
    # To VictoriaMetrics NaN is the end of a series: it is not answered with.
    assert (4 if server.kind == "prometheus" else 3) == answer.facts[0].rejected


def test_short_jobs_have_a_history(server: Server) -> None:
    """Pods that never outlive their start-up are sized by it: there is nothing else."""
    request = HistoryRequest("batch", "CronJob/job", pod_pattern("CronJob", "job"))
    answer = history(server.source, [request], two_hours(server))

    # Starts at 1800, 3600 and 5400 s: intervals 6, 12 and 18.
    assert [6, 12, 18] == [i for i, value in enumerate(mib(answer, "main")) if value == 64]
    assert 64 * MIB == answer.history.startup_peak[0]


def test_more_points_than_the_server_allows_are_read_in_parts(server: Server) -> None:
    """A grid of more than 11,000 points a series is read in several queries without a seam."""
    # Intervals of 15 s for two days, 7 s off the samples, with the data in the last two hours: samples are 60 s apart,
    # so 120 intervals have a value.
    days = Grid(server.base_s + 7207 - 172_800, 15, 11_520)
    source = replace(server.source, matchers=(Matcher("cluster", "=", "eu"),))
    usage = history(source, [replace(DB, startup_ignore_s=0)], days).history.usage

    assert 0 == np.count_nonzero(~np.isnan(usage[0, : 11_520 - 480]))
    assert 120 == np.count_nonzero(~np.isnan(usage[0]))


def test_few_points_per_query_give_the_same_history(server: Server) -> None:
    """However finely the time is split into queries, the history is the same."""
    whole = history(server.source, [WEB], two_hours(server, 60))
    split = history(replace(server.source, max_points=37), [WEB], two_hours(server, 60))

    np.testing.assert_array_equal(whole.history.usage, split.history.usage)
    assert whole.facts == split.facts


def test_too_large_an_answer_is_split(server: Server) -> None:
    """An answer above the size allowed is asked for again in halves until it fits."""
    whole = history(server.source, [WEB], two_hours(server, 60))
    small = history(replace(server.source, max_bytes=3000), [WEB], two_hours(server, 60))

    assert {} == small.refusals
    np.testing.assert_array_equal(whole.history.usage, small.history.usage)


def test_workload_without_samples_is_refused_with_its_name(server: Server) -> None:
    """A workload that nothing is known of is named with where was looked; the others are read all the same."""
    ghost = HistoryRequest("shop", "Deployment/ghost", pod_pattern("Deployment", "ghost"))
    answer = history(server.source, [WEB, ghost], two_hours(server))

    refusal = answer.refusals["shop", "Deployment/ghost"]
    assert RefusalKind.NO_SAMPLES == refusal.kind
    assert "Deployment/ghost in namespace shop" in refusal.message
    assert 2 == len(answer.history.containers)


def test_missing_metric_is_named(server: Server) -> None:
    """Where the source has no container memory at all, the refusal says so and what to scrape."""
    source = replace(server.source, matchers=(Matcher("cluster", "=", "mars"),))
    refusal = history(source, [DB], two_hours(server)).refusals["bare", "StatefulSet/db"]

    assert RefusalKind.NO_SUCH_METRIC == refusal.kind
    assert (
        'container_memory_working_set_bytes with a container label in the last hour for cluster="mars"'
        in refusal.message
    )


def test_unreachable_source_refuses_every_workload() -> None:
    """A source that does not answer is a refusal for each workload, with the address and without its password."""
    source = Source("http://me:secret@127.0.0.1:9/prom", retries=1, backoff_s=0.01, timeout_s=2)
    answer = history(source, [WEB, DB], Grid(0, 300, 10))

    assert {("shop", "Deployment/web"), ("bare", "StatefulSet/db")} == set(answer.refusals)
    refusal = answer.refusals["shop", "Deployment/web"]
    assert RefusalKind.UNREACHABLE == refusal.kind
    assert "http://127.0.0.1:9/prom" in refusal.message
    assert "secret" not in refusal.message
    assert (0, 10) == answer.history.usage.shape


def test_grid_ends_at_a_whole_step() -> None:
    """Two passes within one step ask for the same intervals, so that nothing is computed twice."""
    assert Grid(600, 300, 4) == grid_until(1800.0, 1200, 300) == grid_until(2099.9, 1200, 300)
