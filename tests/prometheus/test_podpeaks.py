"""What every pod used at most of late, on a real Prometheus. The data is described in conftest.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foresize_forecast.prometheus import Refusal, pod_peaks
from prometheus.conftest import MIB, Server

pytestmark = pytest.mark.prometheus


def test_the_highest_hour_of_every_pod(server: Server) -> None:
    """Of two replicas of Prometheus the higher, without the pod's own sum and pause container; the dead are absent."""
    found = pod_peaks(server.source, server.base_s + 7000)

    assert not isinstance(found, Refusal)
    # 300 MiB at its start, 1 more by the other replica; 10 and 70 MiB under one name; the third was gone by then.
    assert 301 * MIB == found["shop", "web-75b4f9d8c4-b2bcd"]
    assert 70 * MIB == found["bare", "db-0"]
    assert ("shop", "web-6d4cf56db6-x7k2p") not in pod_peaks_later(server)


def pod_peaks_later(server: Server) -> set[tuple[str, str]]:
    """An hour and more after the first pod of web has ended."""
    found = pod_peaks(server.source, server.base_s + 7250)
    return set() if isinstance(found, Refusal) else set(found)


def test_what_cannot_be_read_is_a_refusal(server: Server) -> None:
    """An error is no peak of 0."""
    broken = replace(server.source, url="http://127.0.0.1:9", retries=0)

    assert isinstance(pod_peaks(broken, server.base_s + 7000), Refusal)
