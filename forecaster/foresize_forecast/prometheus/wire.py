"""One query to Prometheus: bounded in time and size, retried where that can help, answered by a value.

The only import of prometheus_api_client. It builds the requests and unpacks the answers; what it leaves open is closed
by the session given to it: queries travel in the body instead of the URL, an answer has a deadline and a size,
redirects are not followed (they would turn a POST into a GET and could carry a token elsewhere).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self, cast

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from foresize_forecast.prometheus.credentials import Credentials, UnreadableError
from foresize_forecast.prometheus.faults import advice, broken
from foresize_forecast.prometheus.source import Refusal, RefusalKind, Source

MAX_WAIT_S = 15.0
"""The longest wait between two attempts, whatever a server asks for: there are other namespaces to look after."""
CHUNK_BYTES = 1 << 16
QUOTED_CHARACTERS = 300
"""How much of a server's own words is passed on."""
REQUEST_TIMEOUT, UNPROCESSABLE, TOO_MANY_REQUESTS = 408, 422, 429
SERVER_ERRORS = range(500, 600)
REDIRECTS = range(300, 400)
BY_STATUS = {
    400: RefusalKind.BAD_QUERY,
    401: RefusalKind.UNAUTHORIZED,
    403: RefusalKind.UNAUTHORIZED,
    404: RefusalKind.NOT_FOUND,
    405: RefusalKind.NOT_FOUND,
    408: RefusalKind.TIMEOUT,
    413: RefusalKind.TOO_LARGE,
    422: RefusalKind.BAD_QUERY,
    504: RefusalKind.TIMEOUT,
}
TOO_LARGE_WORDS = (
    "too many samples",  # Prometheus
    "maximum resolution",
    "too large",
    "exceeded",  # Thanos, Mimir (err-mimir-max-chunks-per-query and its like)
    "hit the max number of",  # Cortex
    "cannot select more than -search.max",  # VictoriaMetrics
    "exceeds -search.max",
    "the number of matching timeseries exceeds",
    "cannot process more than",
    "not enough memory for processing",
    "too many points for the given",
)
"""How servers say that a query asks for too much."""
PARTIAL = re.compile(rb'"warnings"|"isPartial":\s*true')
"""In an answer of which part may be missing: Prometheus' and Thanos' word, and that of VictoriaMetrics' cluster."""
FAILED_BEHIND = "rpc error"
"""How Thanos and Mimir answer, with 422, that one of their own parts failed: another attempt may succeed."""
TIMEOUT_WORDS = ("query timed out", '"timeout"')
UNREACHED = "; is the address right, and does a NetworkPolicy allow it?"
VM_ASKED = {"nocache": "1", "latency_offset": "1ms"}
"""VictoriaMetrics answers with what is there now, unless told so with the last samples left out and times moved to suit
its cache. Others take no notice."""
Json = Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What Prometheus answered."""

    series: list[dict[str, Json]]
    """Label sets with their values, as the API's `result`."""
    warnings: tuple[str, ...]
    """Not empty: part of the data is missing, for example because a store did not answer."""


class Connection:
    """A connection to a source for the length of one pass. Not shared between threads: each call opens its own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._session = _Session(source)
        self._client = PrometheusConnect(
            url=source.url.rstrip("/"), session=self._session, auth=Credentials(source), retry=Retry(0), method="POST"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def instant(self, query: str, at_s: float) -> Answer | Refusal:
        """The query's value at an instant."""
        params = {"time": f"{at_s:.3f}", **self._limit()}
        return self._retried("instant", lambda: self._client.custom_query(query, params=params))

    def over_range(self, query: str, start_s: int, end_s: int, step_s: int) -> Answer | Refusal:
        """The query's values at start, start + step and so on up to the end."""
        start, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (start_s, end_s))
        return self._retried(
            "range", lambda: self._client.custom_query_range(query, start, end, str(step_s), params=self._limit())
        )

    def _limit(self) -> dict[str, str]:
        return {"timeout": f"{max(1, round(self.source.timeout_s))}s", **VM_ASKED}

    def _retried(self, kind: str, call: Any) -> Answer | Refusal:  # noqa: ANN401 - a call of the untyped client
        began_s = time.monotonic()
        for attempt in range(self.source.retries + 1):
            answer, again_after_s = self._attempt(call)
            if again_after_s is None or attempt == self.source.retries:
                break
            time.sleep(min(MAX_WAIT_S, max(again_after_s, self.source.backoff_s * 2**attempt)))
        refused = str(answer.kind) if isinstance(answer, Refusal) else ""
        self.source.asked(kind, time.monotonic() - began_s, refused)
        return answer

    def _attempt(self, call: Any) -> tuple[Answer | Refusal, float | None]:  # noqa: ANN401 - as above
        """One attempt: its answer, and the least wait before another one; None where another one would not help."""
        self._session.answered = None
        try:
            result = call()
        except PrometheusApiClientException:
            return self._refused_by_status()
        except (ValueError, KeyError, TypeError):
            return self._unreadable()
        except UnreadableError as error:
            return self._refusal(RefusalKind.UNAUTHORIZED, f"was not asked: {error}"), None
        except _UselessAnswerError as error:
            return self._refusal(error.kind, str(error)), None
        except OSError as error:
            kind, words = broken(error, self.source)
            again_after_s = None if kind is RefusalKind.UNTRUSTED else 0.0
            return self._refusal(kind, words, UNREACHED if kind is RefusalKind.UNREACHABLE else ""), again_after_s
        return self._checked(result)

    def _checked(self, result: Json) -> tuple[Answer | Refusal, float | None]:
        if not isinstance(result, list) or not all(isinstance(series, dict) for series in result):
            return self._unreadable()
        return Answer(result, self._warnings()), None

    def _warnings(self) -> tuple[str, ...]:
        response = self._session.answered
        if response is None or not PARTIAL.search(response.content):
            return ()
        told = response.json()
        words = tuple(str(warning) for warning in told.get("warnings") or ())
        return words or (("isPartial: some of its storage did not answer",) if told.get("isPartial") is True else ())

    def _unreadable(self) -> tuple[Refusal, float | None]:
        response = self._session.answered
        kind = response.headers.get("Content-Type", "no content type") if response is not None else "nothing"
        return self._refusal(RefusalKind.BAD_ANSWER, f"did not answer as Prometheus does ({kind})"), 0.0

    def _refused_by_status(self) -> tuple[Refusal, float | None]:
        response = self._session.answered
        if response is None:
            return self._refusal(RefusalKind.BAD_ANSWER, "gave no status"), None
        status = response.status_code
        if status in REDIRECTS:
            message = f"redirects to {_without_credentials(response.headers.get('Location', '?'))}; use that address"
            return self._refusal(RefusalKind.NOT_FOUND, message), None
        text = response.content.decode(errors="replace")
        kind = _kind(status, text)
        refusal = self._refusal(kind, f"answered {status}: {_gist(text)}", advice(status, text, self.source))
        if status in SERVER_ERRORS or status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS} or kind is RefusalKind.UNAVAILABLE:
            return refusal, _retry_after_s(response)
        return refusal, None

    def _refusal(self, kind: RefusalKind, what: str, cure: str = "") -> Refusal:
        return Refusal(kind, f"Prometheus at {self.source.shown_url} {what}{cure}")


class _UselessAnswerError(Exception):
    """Something that another attempt cannot change."""

    def __init__(self, kind: RefusalKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Session(requests.Session):
    """Sends parameters as a form, and hands back answers that end in time."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.verify = source.verify_tls and (source.ca_file or True)
        if source.certificate_file and source.key_file:
            self.cert = (source.certificate_file, source.key_file)
        self.answered: requests.Response | None = None
        self._source = source

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """One request with its parameters in the body, read in full."""
        kwargs |= {"data": kwargs.pop("params", None), "timeout": self._source.timeout_s}
        kwargs |= {"stream": True, "allow_redirects": False}
        ends_at = time.monotonic() + self._source.timeout_s
        response = super().request(method, url, *args, **kwargs)
        response.raw = _Bounded(response.raw, ends_at, self._source.max_bytes)
        self.answered = response
        _ = response.content  # read here, inside the deadline
        return response


class _Bounded:
    """A body with a deadline and a size; `timeout` of requests bounds the silence between bytes only."""

    def __init__(self, raw: Any, ends_at: float, max_bytes: int) -> None:  # noqa: ANN401 - urllib3's, as requests types it
        self._raw, self._ends_at, self._max_bytes = raw, ends_at, max_bytes

    def stream(self, _chunk_bytes: int, *, decode_content: bool) -> Iterator[bytes]:
        """The body in pieces as they arrive."""
        size = 0
        while piece := cast("bytes", self._raw.read1(CHUNK_BYTES, decode_content=decode_content)):
            size += len(piece)
            if size > self._max_bytes:
                raise _UselessAnswerError(RefusalKind.TOO_LARGE, f"answered with more than {self._max_bytes >> 20} MiB")
            if time.monotonic() > self._ends_at:
                raise requests.Timeout
            yield piece

    def close(self) -> None:
        """End the connection."""
        self._raw.close()

    def release_conn(self) -> None:
        """Give the connection back."""
        self._raw.release_conn()


def _kind(status: int, text: str) -> RefusalKind:
    if status in {400, 422} and any(words in text for words in TOO_LARGE_WORDS):
        return RefusalKind.TOO_LARGE
    if status in {422, 503} and any(words in text for words in TIMEOUT_WORDS):
        return RefusalKind.TIMEOUT
    if status == UNPROCESSABLE and FAILED_BEHIND in text:
        return RefusalKind.UNAVAILABLE
    return BY_STATUS.get(status, RefusalKind.UNAVAILABLE)


def _gist(text: str) -> str:
    try:
        return str(json.loads(text)["error"])[:QUOTED_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split())[:QUOTED_CHARACTERS] or "nothing more"


def _retry_after_s(response: requests.Response) -> float:
    """What the server asks for, in seconds or as a date."""
    asked = response.headers.get("Retry-After", "")
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0.0


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
