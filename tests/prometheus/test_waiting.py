"""How long containers wait for memory, on a real Prometheus. The data is described in conftest.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foresize_forecast.deciding.stalls import stall
from foresize_forecast.prometheus import ContainerOfPod, waiting
from prometheus.conftest import Server

pytestmark = pytest.mark.prometheus
PODS = [("slow", "api-0"), ("calm", "api-0"), ("old", "api-0")]


def test_a_stall_is_seen_by_pressure_where_it_is_measured(server: Server) -> None:
    """Ten minutes after the limit of all three was lowered: one stands still, one does not, one reads from disk."""
    now_s = server.base_s + 6600
    found = waiting(server.source, PODS, now_s)
    shown = {of.namespace: stall(each, server.base_s + 6000, now_s) for of, each in found.items()}

    assert shown["slow"].startswith("it waits for memory 31% of the time, 1% before")
    assert "" == shown["calm"]
    assert shown["old"].startswith("it has 80 major page faults a second, 0 before")


def test_before_the_limit_was_lowered_nothing_is_seen(server: Server) -> None:
    """The same look a minute before the change finds nobody waiting."""
    now_s = server.base_s + 5940
    found = waiting(server.source, PODS, now_s)

    assert not any(stall(each, server.base_s + 5500, now_s) for each in found.values())


def test_only_pods_that_are_asked_for_are_answered(server: Server) -> None:
    """A name is a name: dots and bars in it select nobody else."""
    assert {} == waiting(server.source, [("slow", "api.0"), ("calm", "a|api-0")], server.base_s + 6600)
    assert {ContainerOfPod("slow", "api-0", "main")} == waiting(
        server.source, [("slow", "api-0")], server.base_s + 6600
    ).keys()


def test_a_source_that_cannot_be_read_says_nothing(server: Server) -> None:
    """Then a kill has to tell; nothing is raised by an error."""
    assert {} == waiting(replace(server.source, url="http://127.0.0.1:9", retries=0), PODS, server.base_s + 6600)
