"""Where history comes from, and what it says when it cannot be had. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from foresize_forecast.prometheus.promql import Matcher

SERVER_MAX_POINTS = 11_000
"""Prometheus refuses range queries with more points a series (web/api/v1: exceeded maximum resolution)."""

Asked = Callable[[str, float, str], None]
"""Told of each query: its kind (instant, range), the seconds it took, and why there is no answer, or nothing."""


def untold(_kind: str, _seconds: float, _refused: str) -> None:
    """Nobody counts queries."""


class Metric(StrEnum):
    """What counts as a container's memory, by cAdvisor's names."""

    WORKING_SET = "container_memory_working_set_bytes"
    """What the kubelet evicts by: anonymous memory and the active page cache."""
    RSS = "container_memory_rss"
    """Anonymous memory alone."""


class RefusalKind(StrEnum):
    """Why there is no data. CamelCase, for conditions."""

    NOT_SET = "NoPrometheusUrl"
    NO_METRICS_SERVER = "NoMetricsServer"
    UNREACHABLE = "PrometheusUnreachable"
    TIMEOUT = "PrometheusTimeout"
    UNTRUSTED = "PrometheusUntrusted"
    UNAUTHORIZED = "PrometheusUnauthorized"
    NOT_FOUND = "PrometheusNotFound"
    UNAVAILABLE = "PrometheusUnavailable"
    BAD_ANSWER = "PrometheusBadAnswer"
    BAD_QUERY = "PrometheusRefusedQuery"
    TOO_LARGE = "PrometheusAnswerTooLarge"
    NO_SUCH_METRIC = "NoSuchMetric"
    NO_SAMPLES = "NoSamples"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no data, for conditions and the command line."""

    kind: RefusalKind
    message: str
    """Names the address without its credentials, and what to do where that is known."""


@dataclass(frozen=True, slots=True)
class Source:
    """A Prometheus, or anything that answers its query API.

    Attributes:
        url: the address in front of `/api/v1`; a user and password in it are used and never shown.
        token_file: a file with a bearer token, read anew for each request because tokens are rotated.
        user_file: a file with the user of basic authentication, read as often.
        password_file: a file with that user's password.
        headers_folder: a folder in which each file is a header: its name, and what is in it; read as often.
        tenant: of a source that many share, sent as X-Scope-OrgID; empty: none.
        matchers: conditions on every selector, for sources that hold more than one cluster.
        timeout_s: for each attempt of a query, its whole answer included.
        retries: attempts after the first, where another one may succeed.
        backoff_s: wait before the second attempt; it doubles with each further one.
        max_points: of all series of one query together; the time range is split to stay below. So many points take
            12 MiB and keep other threads waiting for 50 ms while they are parsed.
        max_bytes: of one answer; a larger one is not read, and asked for in halves.
        verify_tls: whether the server's certificate is checked.
        ca_file: the authorities it is checked against; None: the system's.
        certificate_file: what is shown to a server that wants to know its clients, in PEM; None: nothing.
        key_file: the private key of that certificate.
        asked: who counts queries.
    """

    url: str
    token_file: str | None = None
    user_file: str | None = None
    password_file: str | None = None
    headers_folder: str | None = None
    tenant: str = ""
    matchers: tuple[Matcher, ...] = ()
    timeout_s: float = 30.0
    retries: int = 3
    backoff_s: float = 0.5
    max_points: int = 60_000
    max_bytes: int = 32 << 20
    verify_tls: bool = True
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    asked: Asked = field(default=untold, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"Prometheus' URL must look like http://host:9090, got {self.shown_url!r}")
        if self.token_file and self.user_file:
            raise ValueError("Prometheus is asked with a token or with a user and password, not with both")
        for one, other, what in (
            (self.user_file, self.password_file, "a user needs a password"),
            (self.certificate_file, self.key_file, "a client's certificate needs its key"),
        ):
            if bool(one) != bool(other):
                raise ValueError(f"{what}, each in a file")

    @property
    def shown_url(self) -> str:
        """The address for people: without user, password and query."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
