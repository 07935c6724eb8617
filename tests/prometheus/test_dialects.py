"""What Thanos, Mimir, Cortex and VictoriaMetrics answer that Prometheus does not.

A VictoriaMetrics of one process is asked itself, here and by every test that asks for `server`. What takes a whole
cluster of processes is answered in the words of the programs' own sources and documents, named beside each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate

import numpy as np
import pytest

from foresize_forecast.prometheus import (
    HistoryAnswer,
    HistoryRequest,
    Refusal,
    RefusalKind,
    Source,
    history,
    newest,
    pod_pattern,
)
from foresize_forecast.prometheus.wire import Answer, Connection
from foresize_forecast.series import Grid
from prometheus.conftest import Server, put
from prometheus.lies import GRID, Liar, Lie, error, matrix, send_json, serving

pytestmark = pytest.mark.prometheus
REQUEST = HistoryRequest("shop", "StatefulSet/web", "web")
TOO_MUCH = [
    # Thanos, pkg/store/limiter.go, passed on by its querier.
    "expanding series: proxy Series(): rpc error: code = ResourceExhausted desc = exceeded series limit: limit 5",
    # Mimir, pkg/util/globalerror and its limiter: https://grafana.com/docs/mimir/latest/manage/mimir-runbooks/
    "the query exceeded the maximum number of chunks (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)",
    # Cortex, pkg/util/limiter/query_limiter.go.
    "the query hit the max number of series limit (limit: 100 series)",
    # VictoriaMetrics, app/vmselect/netstorage and promql.
    "cannot select more than -search.maxSamplesPerQuery=1000000000 samples; possible solutions: increase the flag",
    "the number of matching timeseries exceeds 30000; either narrow down the search or increase the limit",
    # Prometheus, promql/engine.go.
    "query processing would load too many samples into memory in query execution",
]


@pytest.fixture
def liar() -> Iterator[Liar]:
    with serving() as told:
        yield told


def read(liar: Liar) -> HistoryAnswer:
    return history(Source(liar.url, timeout_s=5, retries=1, backoff_s=0.01), [REQUEST], GRID)


def refusal(answer: HistoryAnswer) -> Refusal:
    return answer.refusals["shop", "StatefulSet/web"]


@pytest.mark.parametrize("words", TOO_MUCH)
def test_a_query_that_asks_for_too_much_is_asked_in_halves(liar: Liar, words: str) -> None:
    """Each server's limit on one query leads to smaller queries, and the history is whole."""
    liar.lies = [error(422, "execution", words)]
    answer = read(liar)

    assert {} == answer.refusals
    # Refused once for four intervals, then asked for two and for two.
    assert 3 == len(liar.queries)
    assert 4 == np.count_nonzero(np.isfinite(answer.history.usage))


def test_storage_that_did_not_answer_makes_data_partial(liar: Liar) -> None:
    """VictoriaMetrics' cluster says `isPartial` and has no `warnings` (docs: Cluster availability)."""
    liar.lies = [lambda handler, _: send_json(handler, matrix(["1", "2", "3", "4"], isPartial=True))]
    answer = read(liar)

    assert answer.facts[0].partial
    assert "isPartial" in answer.warnings[0]


def test_storage_that_did_answer_makes_none(liar: Liar) -> None:
    """`isPartial: false` is in every answer of VictoriaMetrics, whole ones too."""
    liar.lies = [lambda handler, _: send_json(handler, matrix(["1", "2", "3", "4"], isPartial=False))]

    assert not read(liar).facts[0].partial


@pytest.mark.parametrize(
    "lie",
    [
        # Mimir and Thanos answer so where a part of theirs failed for a moment (grafana/mimir, issue 8139).
        error(422, "execution", "rpc error: code = Internal desc = loading chunks: http2: client connection closed"),
        # VictoriaMetrics: couldn't start executing the request; Mimir: too many outstanding requests.
        error(429, "429", "too many outstanding requests", Retry_After="0"),
        error(503, "503", "cannot serve", Retry_After=formatdate(time.time() - 60, usegmt=True)),
    ],
)
def test_what_passes_is_tried_again(liar: Liar, lie: Lie) -> None:
    """A part that failed, a queue that was full, a date to come back at: asked again, the history is whole."""
    liar.lies = [lie]

    assert {} == read(liar).refusals
    assert 2 == len(liar.queries)


def test_a_server_of_many_says_that_it_wants_to_know_whose(liar: Liar) -> None:
    """Mimir and Cortex without a tenant answer 401 `no org id`: the refusal names the setting."""
    liar.lies = [error(401, "", "no org id")]
    refused = refusal(read(liar))

    assert RefusalKind.UNAUTHORIZED == refused.kind
    assert "--prometheus-tenant (prometheus.tenant)" in refused.message


def test_a_real_limit_of_victoriametrics_is_kept(narrow: Server) -> None:
    """With 400 samples a query, two hours of two pods a minute apart are read in parts, and are all there."""
    web = HistoryRequest("shop", "Deployment/web", pod_pattern("Deployment", "web"))
    answer = history(narrow.source, [web], Grid(narrow.base_s, 300, 24))

    assert {} == answer.refusals
    row = next(at for at, key in enumerate(answer.history.containers) if key.container == "web")
    # 24 intervals, of which two are the second pod's start-up.
    assert 22 == np.count_nonzero(np.isfinite(answer.history.usage[row]))


def test_victoriametrics_answers_with_what_is_there_now(narrow: Server) -> None:
    """A sample of three seconds ago is seen; left to itself, VictoriaMetrics withholds the last half minute."""
    now_s = time.time()
    labels = 'namespace="now",pod="db-0",container="main"'
    lines = [f"container_memory_working_set_bytes{{{labels}}} {age_s} {now_s - age_s:.0f}" for age_s in (63, 33, 3)]
    put(narrow.source.url, lines)
    with Connection(narrow.source) as connection:
        series = 'container_memory_working_set_bytes{namespace="now"}'
        answer = connection.over_range(series, int(now_s) - 60, int(now_s), 5)

    assert isinstance(answer, Answer)
    assert ["3"] == [each["values"][-1][1] for each in answer.series]
    assert 3 == pytest.approx(newest(narrow.source, ["now"], now_s, 300).age_s() or 0, abs=1)
