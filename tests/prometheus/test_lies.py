"""What is made of a source that lies, breaks off, is slow or is not Prometheus at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foresize_forecast.prometheus import HistoryAnswer, HistoryRequest, Refusal, RefusalKind, Source, history, newest
from prometheus.lies import (
    GRID,
    Liar,
    Lie,
    dripping,
    error,
    falls_silent,
    half_json,
    hang_up,
    matrix,
    page,
    redirect,
    send,
    send_json,
    serving,
    silent,
    truncated,
    values,
)

KEY = {"namespace": "shop", "pod": "web", "container": "main"}
REQUEST = HistoryRequest("shop", "Pod/web", "web", startup_ignore_s=0)


@pytest.fixture
def liar() -> Iterator[Liar]:
    with serving() as told:
        yield told


def read(liar: Liar, retries: int = 2, **more: object) -> HistoryAnswer:
    source = Source(liar.url, retries=retries, backoff_s=0.01, **{"timeout_s": 5, **more})
    return history(source, [REQUEST], GRID)


def refusal(answer: HistoryAnswer) -> Refusal:
    return answer.refusals["shop", "Pod/web"]


@pytest.mark.parametrize(
    "lie",
    [
        error(503, "unavailable", "starting"),
        error(502, "bad_gateway", "no backend"),
        error(429, "too_many_requests", "slow down"),
        error(429, "too_many_requests", "slow down", Retry_After="0"),
        page,
        truncated,
        half_json,
        hang_up,
    ],
)
def test_what_passes_is_tried_again(liar: Liar, lie: Lie) -> None:
    """One bad answer costs nothing: the query is sent again, and the history is whole."""
    liar.lies = [lie]
    answer = read(liar)

    assert {} == answer.refusals
    assert [1, 2, 3, 4] == list(answer.history.usage[0])
    assert not answer.facts[0].partial
    assert 2 == len(liar.queries)


@pytest.mark.parametrize(
    ("lie", "kind", "words"),
    [
        (error(400, "bad_data", "parse error"), RefusalKind.BAD_QUERY, "answered 400: parse error"),
        (error(401, "unauthorized", "who are you?"), RefusalKind.UNAUTHORIZED, "no credentials were sent"),
        (error(403, "forbidden", "not you"), RefusalKind.UNAUTHORIZED, "answered 403: not you"),
        (error(404, "not_found", "page not found"), RefusalKind.NOT_FOUND, "the address in front of /api/v1"),
        (redirect, RefusalKind.NOT_FOUND, "redirects to https://sso.example/login; use that address"),
        (error(413, "too_large", "no"), RefusalKind.TOO_LARGE, "answered 413"),
    ],
)
def test_what_stays_is_not_tried_again(liar: Liar, lie: Lie, kind: RefusalKind, words: str) -> None:
    """An answer that another attempt cannot change is a refusal at once, in words that say what to do."""
    liar.lies = [lie] * 20
    answer = read(liar, max_points=1)

    assert kind == refusal(answer).kind
    assert words in refusal(answer).message
    assert liar.url in refusal(answer).message
    assert "secret" not in refusal(answer).message
    assert 1 == len({*liar.queries})


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        (error(503, "unavailable", "starting"), RefusalKind.UNAVAILABLE),
        (error(503, "timeout", "query timed out in expression evaluation"), RefusalKind.TIMEOUT),
        (error(429, "too_many_requests", "slow down"), RefusalKind.UNAVAILABLE),
        (page, RefusalKind.BAD_ANSWER),
        (half_json, RefusalKind.BAD_ANSWER),
        (truncated, RefusalKind.BAD_ANSWER),
        (hang_up, RefusalKind.UNREACHABLE),
    ],
)
def test_what_does_not_pass_is_refused(liar: Liar, lie: Lie, kind: RefusalKind) -> None:
    """A source that stays bad is a refusal after as many attempts as were allowed, with no rows."""
    liar.lies = [lie] * 3
    answer = read(liar)

    assert kind == refusal(answer).kind
    assert 3 == len(liar.queries)
    assert (0, 4) == answer.history.usage.shape


@pytest.mark.parametrize("lie", [silent, dripping, falls_silent])
def test_slow_answers_end_in_time(liar: Liar, lie: Lie) -> None:
    """A source that never finishes, by silence or drop by drop, is given up after the time allowed."""
    liar.lies = [lie]
    began = time.monotonic()
    answer = read(liar, retries=0, timeout_s=0.3)

    assert RefusalKind.TIMEOUT == refusal(answer).kind
    assert time.monotonic() - began < 3


def test_too_many_samples_are_asked_for_in_halves(liar: Liar) -> None:
    """A query that the server finds too large is sent in halves of its time, not given up."""
    words = "query processing would load too many samples into memory in query execution"
    liar.lies = [error(422, "execution", words)]
    answer = read(liar)

    assert [1, 2, 3, 4] == list(answer.history.usage[0])
    assert 3 == len(liar.queries)


def test_answer_larger_than_allowed_is_refused(liar: Liar) -> None:
    """An answer that fills memory is not read to its end; where splitting does not help it is refused."""
    liar.lies = [lambda handler, _: send(handler, 200, b" " * 2_000_000)] * 9
    answer = read(liar, max_bytes=1 << 20)

    assert RefusalKind.TOO_LARGE == refusal(answer).kind
    assert "more than 1 MiB" in refusal(answer).message


def test_partial_data_is_marked(liar: Liar) -> None:
    """A warning about missing data marks the rows, so that nothing is lowered for it, and is passed on."""
    words = "store at 10.0.0.7 did not answer"
    liar.lies = [lambda handler, _: send_json(handler, matrix(["1", "2", "3", "4"], warnings=[words]))]
    answer = read(liar)

    assert answer.facts[0].partial
    assert (words,) == answer.warnings


def test_the_word_warnings_in_a_label_is_no_warning(liar: Liar) -> None:
    """A label that talks of warnings does not mark data as partial."""
    content = json.dumps(matrix(["1", "2", "3", "4"])).replace('"main"', '"\\"warnings\\":[]"')
    liar.lies = [lambda handler, _: send(handler, 200, content.encode())]
    answer = read(liar)

    assert not answer.facts[0].partial


def test_absurd_values_are_gaps(liar: Liar) -> None:
    """NaN, infinity and negative bytes are gaps that are counted."""
    liar.lies = [values("1", "NaN", "-2", "+Inf")]
    answer = read(liar)

    np.testing.assert_array_equal([1, np.nan, np.nan, np.nan], answer.history.usage[0])
    assert 3 == answer.facts[0].rejected


def test_values_that_are_no_numbers_are_refused(liar: Liar) -> None:
    """Text where a number belongs makes the whole answer doubtful: it is refused."""
    liar.lies = [values("1", "two", "3", "4")]

    assert RefusalKind.BAD_ANSWER == refusal(read(liar)).kind


def test_sample_off_the_grid_is_dropped(liar: Liar) -> None:
    """A time that was not asked for is not moved to one that was."""

    def shifted(handler: BaseHTTPRequestHandler, _: str) -> None:
        content = json.dumps(matrix(["1", "2", "3", "4"])).replace("[600,", "[607,").replace("[1200,", "[9200,")
        send(handler, 200, content.encode())

    liar.lies = [shifted]

    np.testing.assert_array_equal([1, np.nan, 3, np.nan], read(liar).history.usage[0])


def test_samples_from_the_future_are_dropped(liar: Liar) -> None:
    """A clock that jumped ahead does not become the newest sample."""

    def ahead(handler: BaseHTTPRequestHandler, _: str) -> None:
        content = matrix(["1", "2", "3", "4"])
        content["data"]["result"][0]["metric"]["__name__"] = "container_memory_working_set_bytes"
        send_json(handler, content)

    liar.lies = [ahead]
    samples = newest(Source(liar.url), ["shop"], 610.0, 600)

    # Times are 300, 600, 900 and 1200; it is 610.
    assert [300, 600] == list(samples.containers["shop", "web", "main"].times_s)


def test_two_clusters_under_one_name_are_not_woven_together(liar: Liar) -> None:
    """Another cluster's smaller pod of the same name, measured last, hides nothing of ours and bends no line."""
    liar.lies = [lambda handler, _: send_json(handler, beside({"a": (0, ["200"] * 4), "b": (10, ["50"] * 4)}))]
    samples = newest(Source(liar.url), ["shop"], 1300.0, 1200)

    found = samples.containers["shop", "web", "main"]
    assert 200 == found.usage_bytes
    assert [300, 600, 900, 1200] == list(found.times_s)
    assert {200} == set(found.working_set)


def test_a_series_that_ended_is_the_container_before_its_restart(liar: Liar) -> None:
    """The killed container's last, higher samples come before those of the one that runs, and do not stand for them."""
    ours = {"killed": (-1100, ["200"] * 4), "runs": (0, ["1", "2", "3", "4"])}
    liar.lies = [lambda handler, _: send_json(handler, beside(ours))]
    found = newest(Source(liar.url), ["shop"], 1300.0, 2400).containers["shop", "web", "main"]

    # 1100 s earlier, so the last of the four at 1200 is at 100, before the first of the others at 300.
    assert [-800, -500, -200, 100, 300, 600, 900, 1200] == list(found.times_s)
    assert 4 == found.usage_bytes


def beside(series: dict[str, tuple[int, list[str]]]) -> dict[str, Any]:
    """An answer with several series of one container, each with its times moved by some seconds."""
    result = []
    for name, (moved_s, read) in series.items():
        labels = {**KEY, "__name__": "container_memory_working_set_bytes", "cluster": name}
        pairs = [[int(end) + moved_s, value] for end, value in zip(GRID.ends_s, read, strict=True)]
        result.append({"metric": labels, "values": pairs})
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def test_fast_clock_keeps_the_namespaces_that_answered(liar: Liar) -> None:
    """One query that fails takes its own namespaces, no others."""
    liar.lies = [error(400, "bad_data", "no")]
    samples = newest(Source(liar.url), [f"ns-{i:02}" for i in range(60)], 610.0, 600)

    # 60 namespaces are three queries of 20; one of them is answered with 400.
    assert {f"ns-{i:02}" for i in range(40, 60)} == set(samples.refusals)
    assert 3 == len(liar.queries)


def test_fast_clock_asks_again_in_halves(liar: Liar) -> None:
    """Too many samples in many namespaces are asked for in fewer at a time, until each has been heard."""
    liar.lies = [error(422, "execution", "query processing would load too many samples into memory")] * 3
    samples = newest(Source(liar.url), ["a", "b", "c", "d"], 610.0, 600)

    # Refused: four, then c and d, then d alone. Answered: c, then a and b.
    assert {"d"} == set(samples.refusals)
    assert 5 == len(liar.queries)


def test_many_threads_read_at_once(liar: Liar) -> None:
    """Readers do not share a connection: answers do not get mixed up between threads."""
    requests = [HistoryRequest(f"ns-{i}", "Pod/web", "web", startup_ignore_s=0) for i in range(24)]

    def named(handler: BaseHTTPRequestHandler, query: str) -> None:
        namespace = query.partition('namespace="')[2].partition('"')[0]
        value = str(int(namespace.removeprefix("ns-")) + 1)
        send(handler, 200, json.dumps(matrix([value] * 4)).replace('"shop"', f'"{namespace}"').encode())

    liar.lies = [named] * len(requests)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda request: history(Source(liar.url), [request], GRID), requests))

    assert [i + 1 for i in range(24)] == [int(answer.history.usage[0, 0]) for answer in answers]


def test_token_is_read_for_each_request(liar: Liar, tmp_path: Path) -> None:
    """A token that is rotated is used without a restart."""
    token = tmp_path / "token"
    token.write_text("first\n", encoding="ascii")

    def rotate(handler: BaseHTTPRequestHandler, query: str) -> None:
        token.write_text("second\n", encoding="ascii")
        error(503, "unavailable", "starting")(handler, query)

    liar.lies = [rotate]
    read(liar, token_file=str(token))

    assert "Bearer first" == liar.headers[0]
    assert "Bearer second" == liar.headers[-1]


def test_missing_token_file_is_named(liar: Liar, tmp_path: Path) -> None:
    """Without its token nothing is asked, and the refusal names the file."""
    answer = read(liar, token_file=str(tmp_path / "token"))

    assert RefusalKind.UNAUTHORIZED == refusal(answer).kind
    assert "token" in refusal(answer).message
    assert [] == liar.headers


def test_queries_travel_in_the_body(liar: Liar) -> None:
    """A query as long as many workloads make it is sent, though no proxy would take it as an address."""
    requests = [HistoryRequest("shop", f"Pod/{'w' * 60}-{i:04}", f"{'w' * 60}-{i:04}") for i in range(500)]
    answer = history(Source(liar.url), [*requests, REQUEST], GRID)

    # 501 patterns of 65 characters and a bar are 33 kB: with 4,096 to a query they are 9 queries, and one more asks why
    # 500 workloads have no samples.
    assert 10 == len(liar.queries)
    assert [4] == [int(row[-1]) for row in answer.history.usage]
