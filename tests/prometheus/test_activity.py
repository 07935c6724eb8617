"""What pods did, on a real Prometheus. The data is described in conftest.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foresize_forecast.prometheus import activity
from prometheus.conftest import MIB, Server

pytestmark = pytest.mark.prometheus
SPAN_S = 1800


def test_the_busiest_minutes_of_a_span_are_told(server: Server) -> None:
    """Rates are of the busiest five minutes: each container's and each interface's once, whoever else recorded it."""
    now_s = server.base_s + 7000
    found = activity(server.source, ["act"], SPAN_S, now_s)

    # waits: 1 millicore, 100 and 50 bytes a second, one mebibyte up and down.
    calm = found["act", "waits-0"]
    assert (0.001, 100, 50) == pytest.approx((calm.cpu_cores, calm.received_bytes_per_s, calm.sent_bytes_per_s))
    assert (101 * MIB, 1 * MIB) == (calm.memory_high_bytes, calm.memory_swing_bytes)
    assert calm.connections is None
    # The newest sample is of 6990 s, and the query of 7000.
    assert 1 == pytest.approx(calm.covered)
    assert 10 == pytest.approx(calm.age_s or 0)
    # bursts: half a core for 5 minutes of the 30, in one of two containers; 3 connections.
    busy = found["act", "bursts-0"]
    # VictoriaMetrics does not extrapolate: it reads nine tenths of that.
    assert (0.501 if server.kind == "prometheus" else 0.451) == pytest.approx(busy.cpu_cores)
    assert 3 == busy.connections


def test_gaps_and_ends_are_seen(server: Server) -> None:
    """A pod that was measured for a part of the time says for how much of it, and one without network nothing of it."""
    found = activity(server.source, ["act"], SPAN_S, server.base_s + 7000)

    # Its samples begin 900 s before the end of the span: half of it, and a few moments less.
    assert 0.4 < found["act", "young-0"].covered < 0.55
    assert found["act", "young-0"].received_bytes_per_s is None
    # Its samples ended 600 s ago: nobody knows what it does.
    assert found["act", "ended-0"].age_s is None
    assert found["act", "ended-0"].covered < 0.9


def test_what_cannot_be_read_is_nobodys_idleness(server: Server) -> None:
    """An error is no evidence."""
    broken = replace(server.source, url="http://127.0.0.1:9", retries=0)

    assert {} == activity(broken, ["act"], SPAN_S, server.base_s + 7000)
    assert {} == activity(server.source, ["act|shop"], SPAN_S, server.base_s + 7000)
