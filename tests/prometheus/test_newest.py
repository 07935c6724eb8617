"""The newest samples, and the check of a source, on a real Prometheus. The data is described in conftest.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foresize_forecast.prometheus import ContainerOfPod, Matcher, check, newest
from prometheus.conftest import Server

pytestmark = pytest.mark.prometheus
MIB = 1 << 20
NEW = ContainerOfPod("shop", "web-75b4f9d8c4-b2bcd", "web")


def test_samples_carry_their_own_times(server: Server) -> None:
    """The fast clock sees samples with the times at which they were taken, both replicas folded to the higher."""
    now_s = server.base_s + 7200
    recent = newest(server.source, ["shop"], now_s, 300).containers[NEW]

    # Every 60 s, 30 s off: the last 5 minutes have 6930, 6990, 7050, 7110 and 7170.
    assert [6930, 6990, 7050, 7110, 7170] == list(recent.times_s - server.base_s)
    assert {121 * MIB} == set(recent.working_set)
    assert {91 * MIB} == set(recent.rss)
    assert 30 == recent.age_s(now_s)


def test_container_without_rss_has_gaps_there(server: Server) -> None:
    """Working set alone is kept; anonymous memory that was not measured is unknown, not zero."""
    samples = newest(server.source, ["bare"], server.base_s + 7200, 300)

    assert np.isnan(samples.containers["bare", "db-1", "main"].rss).all()
    assert 30 == samples.age_s()


def test_sums_and_pause_containers_are_left_out(server: Server) -> None:
    """Only real containers are seen."""
    samples = newest(server.source, ["shop", "bare"], server.base_s + 7200, 300)

    assert {"web", "helper", "main"} == {key.container for key in samples.containers}


def test_many_namespaces_are_asked_in_few_queries(server: Server) -> None:
    """More namespaces than fit in one query are all looked at."""
    others = [f"empty-{i}" for i in range(120)]
    samples = newest(server.source, ["shop", *others, "bare"], server.base_s + 7200, 300)

    assert {"shop", "bare"} == {key.namespace for key in samples.containers}
    assert {} == samples.refusals


def test_quiet_source_has_no_age(server: Server) -> None:
    """Without samples there is no age: nothing is known, which is not the same as fresh."""
    samples = newest(server.source, ["shop"], server.base_s + 90_000, 300)

    assert {} == samples.containers
    assert samples.age_s() is None


def test_good_source_has_no_problems(server: Server) -> None:
    """A source with both metrics, fresh samples and recorded owners is found good, and its pace is told."""
    found = check(server.source, server.base_s + 3600, step_s=300)

    # Samples every 60 s; the last before 3600 is at 3570. RSS starts at 3600, so an hour later would be needed for it.
    assert 60 == found.scrape_step_s
    assert 30 == found.newest_age_s
    assert found.owners_recorded
    assert 1 == len(found.problems)
    assert "container_memory_rss" in found.problems[0]


def test_coarse_samples_are_a_problem(server: Server) -> None:
    """A step finer than the samples is named with both numbers."""
    found = check(server.source, server.base_s + 3690, step_s=15)

    assert ["Samples come every 60 s, but history.step is 15 s: most intervals would be empty."] == list(found.problems)


def test_stale_source_is_a_problem(server: Server) -> None:
    """Where the newest sample is old, the check says so."""
    found = check(server.source, server.base_s + 7200 + 1800)

    assert any("has no sample of the last 300 s" in problem for problem in found.problems)


def test_source_without_the_metric_is_a_problem(server: Server) -> None:
    """A source that holds another cluster is found out before anything depends on it."""
    found = check(replace(server.source, matchers=(Matcher("cluster", "=", "mars"),)), server.base_s + 3600)

    assert 1 == len(found.problems)
    assert "is the kubelet's /metrics/cadvisor scraped?" in found.problems[0]
