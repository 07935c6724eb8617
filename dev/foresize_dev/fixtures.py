"""Types of the functions that the tests' fixtures hand out, for the tests' annotations."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from foresize_dev.backfill import Series
from foresize_dev.operator_process import Operator
from foresize_dev.prometheus import Prometheus


class StartPrometheus(Protocol):
    """The fixture `prometheus`: starts a server with a past, scraping the cluster's nodes."""

    def __call__(
        self, history: Sequence[Series] = (), scrape_interval_s: int = 1, web: Mapping[str, object] | None = None
    ) -> Prometheus:
        """Start one, with such a web configuration (certificates, users); it is stopped after the test."""


class StartOperator(Protocol):
    """The fixture `operator`: starts an operator of the test's namespace."""

    def __call__(self, prometheus_url: str, **settings: str) -> Operator:
        """Start one; settings are flags of `foresize run` with underscores, like refit_interval="5s"."""
