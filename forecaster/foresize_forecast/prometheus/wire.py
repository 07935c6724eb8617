"""One query to Prometheus: bounded in time and size, retried where that can help, answered by a value.

The only import of prometheus_api_client. It builds the requests and unpacks the answers; what it leaves open is closed
by the session given to it: queries travel in the body instead of the URL, an answer has a deadline and a size,
redirects are not followed (they would turn a POST into a GET and could carry a token elsewhere).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.auth import AuthBase
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from foresize_forecast.prometheus.source import Refusal, RefusalKind, Source

MAX_WAIT_S = 15.0
"""The longest wait between two attempts, whatever a server asks for: there are other namespaces to look after."""
CHUNK_BYTES = 1 << 16
QUOTED_CHARACTERS = 300
"""How much of a server's own words is passed on."""
OK, REQUEST_TIMEOUT, TOO_MANY_REQUESTS = 200, 408, 429
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
TOO_LARGE_WORDS = ("too many samples", "maximum resolution", "exceeded", "too large")
"""How Prometheus, Thanos, Mimir and Cortex say that a query asks for too much."""
TIMEOUT_WORDS = ("query timed out", '"timeout"')
ADVICE = {
    RefusalKind.UNREACHABLE: "; is the address right, and does a NetworkPolicy allow it?",
    RefusalKind.UNAUTHORIZED: "; check the token file",
    RefusalKind.NOT_FOUND: "; is this the address in front of /api/v1?",
}
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
            url=source.url.rstrip("/"), session=self._session, auth=_auth(source), retry=Retry(0), method="POST"
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
        return {"timeout": f"{max(1, round(self.source.timeout_s))}s"}

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
        except _UselessAnswerError as error:
            return self._refusal(error.kind, str(error)), None
        except OSError as error:
            return self._refusal(*_broken(error, self.source.timeout_s)), 0.0
        return self._checked(result)

    def _checked(self, result: Json) -> tuple[Answer | Refusal, float | None]:
        if not isinstance(result, list) or not all(isinstance(series, dict) for series in result):
            return self._unreadable()
        return Answer(result, self._warnings()), None

    def _warnings(self) -> tuple[str, ...]:
        response = self._session.answered
        if response is None or b'"warnings"' not in response.content:
            return ()
        return tuple(str(warning) for warning in response.json().get("warnings") or ())

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
        refusal = self._refusal(_kind(status, text), f"answered {status}: {_gist(text)}")
        if status in SERVER_ERRORS or status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS}:
            return refusal, _retry_after_s(response)
        return refusal, None

    def _refusal(self, kind: RefusalKind, what: str) -> Refusal:
        return Refusal(kind, f"Prometheus at {self.source.shown_url} {what}{ADVICE.get(kind, '')}")


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


class _TokenFile(AuthBase):
    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        try:
            token = Path(self._path).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            words = f"was not asked: its token cannot be read ({error})"
            raise _UselessAnswerError(RefusalKind.UNAUTHORIZED, words) from error
        request.headers["Authorization"] = f"Bearer {token}"
        return request


def _auth(source: Source) -> AuthBase | None:
    return _TokenFile(source.token_file) if source.token_file else None


def _kind(status: int, text: str) -> RefusalKind:
    if status in {400, 422} and any(words in text for words in TOO_LARGE_WORDS):
        return RefusalKind.TOO_LARGE
    if status in {422, 503} and any(words in text for words in TIMEOUT_WORDS):
        return RefusalKind.TIMEOUT
    return BY_STATUS.get(status, RefusalKind.UNAVAILABLE)


def _gist(text: str) -> str:
    try:
        return str(json.loads(text)["error"])[:QUOTED_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split())[:QUOTED_CHARACTERS] or "nothing more"


def _retry_after_s(response: requests.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0


def _broken(error: OSError, timeout_s: float) -> tuple[RefusalKind, str]:
    """What a connection that failed says; requests' errors are OSErrors."""
    cause = error.args[0] if error.args else error
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return RefusalKind.TIMEOUT, f"gave no full answer within {timeout_s:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return RefusalKind.BAD_ANSWER, "broke off its answer"
    words = str(getattr(cause, "reason", cause)).rpartition(": ")[2]
    return RefusalKind.UNREACHABLE, f"cannot be reached ({words or type(error).__name__})"


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
