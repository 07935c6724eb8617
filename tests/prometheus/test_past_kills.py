"""Kills of pods that are gone, on a real Prometheus. The data is described in conftest.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foresize_forecast.pods import Kill
from foresize_forecast.prometheus import ContainerOfPod, past_kills
from foresize_forecast.prometheus.pastkills import SPAN_S
from prometheus.conftest import MIB, Server

pytestmark = pytest.mark.prometheus


def test_a_kill_is_known_after_its_pod_is_gone(server: Server) -> None:
    """With its time, and the limit of that time, not of a later one; what ended otherwise is none."""
    found = past_kills(server.source, ["gone", "shop"], server.base_s + 7200)

    assert {
        ContainerOfPod("gone", "web-1", "web"): Kill(server.base_s + 3000, 100 * MIB),
        ContainerOfPod("gone", "none-1", "x"): Kill(server.base_s + 3000, None),
    } == found


def test_a_kill_is_looked_for_within_a_day(server: Server) -> None:
    """What is older has been seen or is over."""
    assert {} == past_kills(server.source, ["gone"], server.base_s + 3000 + SPAN_S + 1)


def test_where_nothing_is_recorded_nothing_is_known(server: Server) -> None:
    """Without kube-state-metrics, or without an answer, pods' statuses have to tell."""
    assert {} == past_kills(server.source, ["shop", 'no"such|namespace'], server.base_s + 7200)
    assert {} == past_kills(replace(server.source, url="http://127.0.0.1:9", retries=0), ["gone"], server.base_s + 7200)
