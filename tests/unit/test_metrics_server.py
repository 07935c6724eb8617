"""metrics-server as a source, from an API server that passes its answers on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from apiserver import Answer, Request, serving, status
from builders import NOW_S
from foresize.config.settings import Settings
from foresize.sources.choosing import reader
from foresize.sources.metricsserver import MetricsServer
from foresize.sources.reader import FromPrometheus
from foresize_forecast.prometheus import ContainerOfPod, HistoryRequest, RefusalKind, pod_pattern
from foresize_forecast.series import Grid

Json = dict[str, Any]
WEB = ContainerOfPod("shop", "web-5d9c7f6b4-x7k2p", "app")
REQUEST = HistoryRequest("shop", "Deployment/web", pod_pattern("Deployment", "web"))
PATH = "/apis/metrics.k8s.io/v1beta1/pods"


class Told:
    """What metrics-server says, or why it does not."""

    def __init__(self) -> None:
        self.pods: list[Json] = []
        self.refused: Answer | None = None
        self.paths: list[str] = []

    def answer(self, request: Request) -> Answer:
        """As the API server does."""
        self.paths.append(request.path)
        return self.refused or (200, {"metadata": {}, "items": self.pods})

    def say(self, at_s: float, memory: str) -> None:
        """One pod with one container."""
        stamp = datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
        usage = {"name": WEB.container, "usage": {"cpu": "1m", "memory": memory}}
        metadata = {"namespace": WEB.namespace, "name": WEB.pod}
        self.pods = [{"metadata": metadata, "timestamp": stamp, "window": "15s", "containers": [usage]}]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def api(told: Told) -> Iterator[Any]:
    with serving(told.answer) as client:
        yield client


def read_for(server: MetricsServer, told: Told, hours: float, from_s: float = NOW_S) -> float:
    """Let it be read every 5 minutes for some hours; when that ended."""
    for number in range(round(hours * 12)):
        told.say(from_s + 300 * number, "100Mi")
        server.read(from_s + 300 * number)
    return from_s + 300 * round(hours * 12)


def test_a_day_is_needed_before_anything_is_lowered(told: Told, api: Any) -> None:
    """Until then every pass is told why not, with the hours; afterwards nothing is held. A new process starts anew."""
    server = MetricsServer(api, (), 15, meant=True)
    end_s = read_for(server, told, 23.5)
    early = server.newest(["shop"], end_s, 300)
    assert "nothing is lowered before metrics-server has been read for 24 hours; it has for 23.5" == early.held
    assert "metrics-server" in early.note

    end_s = read_for(server, told, 0.5, end_s)
    found = server.newest(["shop"], end_s, 400)
    assert "" == found.held
    assert 100 * (1 << 20) == found.containers[WEB].usage_bytes
    assert "24 hours; it has for 0.0" in MetricsServer(api, (), 15, meant=True).newest(["shop"], end_s, 300).held


def test_what_nobody_chose_lowers_nothing_ever(told: Told, api: Any) -> None:
    """Without a Prometheus, and without saying that metrics-server is meant, a week of it lowers nothing."""
    server = MetricsServer(api, (), 15, meant=False)
    end_s = read_for(server, told, 48)

    assert "--metrics-source=metrics-server" in server.newest(["shop"], end_s, 300).held


def test_history_is_what_was_read(told: Told, api: Any) -> None:
    """An hour of readings every 5 minutes is an hour of history, by the workload's pods."""
    server = MetricsServer(api, (), 15, meant=True)
    end_s = read_for(server, told, 2)
    grid = Grid((int(end_s) - 300) // 300 * 300 - 3600, 300, 12)
    answer = server.history([REQUEST], grid)

    assert {} == answer.refusals
    assert [100 * (1 << 20)] * 12 == list(answer.history.usage[0])


def test_pods_that_cannot_be_read_are_left_out(told: Told, api: Any) -> None:
    """A pod without time, or with words for memory, is skipped; the others are read."""
    server = MetricsServer(api, (), 15, meant=True)
    told.say(NOW_S, "64Mi")
    told.pods += [{"metadata": {"namespace": "shop", "name": "x"}}, {**told.pods[0], "timestamp": "now"}, {}]
    told.pods.append({**told.pods[0], "containers": [{"name": "y", "usage": {"memory": "much"}}]})
    server.read(NOW_S)

    assert [WEB] == list(server.newest(["shop"], NOW_S, 300).containers)


@pytest.mark.parametrize(
    ("refused", "meant", "kind", "words"),
    [
        (status(404, "no"), True, RefusalKind.NO_METRICS_SERVER, "is metrics-server installed?"),
        (status(404, "no"), False, RefusalKind.NOT_SET, "no Prometheus is set (--prometheus-url)"),
        (status(403, "not you"), True, RefusalKind.NO_METRICS_SERVER, "operator.metricsSource"),
        (status(503, "no endpoints"), True, RefusalKind.NO_METRICS_SERVER, "no endpoints"),
    ],
)
def test_when_it_does_not_answer_that_is_said(  # noqa: PLR0913 - fixtures and parameters
    told: Told, api: Any, refused: Answer, *, meant: bool, kind: RefusalKind, words: str
) -> None:
    """Nothing is known then, and the refusal names what to do; once it answers again, what was kept is there."""
    server = MetricsServer(api, (), 15, meant=meant)
    end_s = read_for(server, told, 1)
    told.refused = refused
    server.read(end_s)
    found = server.newest(["shop"], end_s, 300)

    assert {} == found.containers
    assert kind == found.refusals["shop"].kind
    assert words in found.refusals["shop"].message
    assert found.refusals["shop"] == server.history([REQUEST], Grid(0, 300, 1)).refusals["shop", "Deployment/web"]

    told.refused = None
    read_for(server, told, 1 / 12, end_s)
    assert [WEB] == list(server.newest(["shop"], end_s, 300).containers)


def test_only_the_namespaces_that_are_served_are_read(told: Told, api: Any) -> None:
    """An operator that is limited to some asks for these, as its rights are."""
    MetricsServer(api, ("lab", "shop"), 15, meant=True).read(NOW_S)
    assert [PATH.replace("/pods", f"/namespaces/{each}/pods") for each in ("lab", "shop")] == told.paths


@pytest.mark.parametrize(
    ("url", "source", "kind"),
    [
        ("", "auto", MetricsServer),
        ("http://prometheus:9090", "auto", FromPrometheus),
        ("http://prometheus:9090", "metrics-server", MetricsServer),
        ("http://prometheus:9090", "prometheus", FromPrometheus),
        ("", "prometheus", type(None)),
    ],
)
def test_who_is_asked(url: str, source: str, kind: type) -> None:
    """What is set; else Prometheus where it has an address, and metrics-server where it has none."""
    assert isinstance(reader(Settings(prometheus_url=url, metrics_source=source), None), kind)  # type: ignore[arg-type]
