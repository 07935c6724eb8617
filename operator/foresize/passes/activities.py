"""What pods did lately, besides using memory: read every minute, for it is asked about half an hour."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from foresize.passes.managed import Managed
from foresize.passes.senses import Senses
from foresize.sources.reader import Reader
from foresize_forecast.moving.idle import Activity

logger = logging.getLogger(__name__)

LOOKS_S = 60.0
"""Between two readings of one span of time, or a fifth of the span where that is shorter."""
Key = tuple[str, str]
Pods = Mapping[str, Mapping[str, Activity]]
"""By namespace and pod name."""


class Activities:
    """The newest readings, by the policies' `idle.after`; one thread asks."""

    def __init__(self, source: Reader | None) -> None:
        self._source = source
        self._read: dict[int, tuple[float, frozenset[str], Pods]] = {}
        """By span: when it was read, of which namespaces, and what was found."""

    def known(self, managed: Mapping[Key, Managed], senses: Mapping[Key, Senses], now_s: float) -> dict[Key, Senses]:
        """What is known of workloads, with what their pods did; nothing of that where it cannot be read."""
        spans: defaultdict[int, set[str]] = defaultdict(set)
        for one in managed.values():
            spans[one.policy.idle.after_s].add(one.key[0])
        self._read = {span_s: self._newest(span_s, frozenset(each), now_s) for span_s, each in spans.items()}
        return {
            key: replace(senses[key], activity=self._read[one.policy.idle.after_s][2].get(key[0], {}))
            for key, one in managed.items()
        }

    def _newest(self, span_s: int, namespaces: frozenset[str], now_s: float) -> tuple[float, frozenset[str], Pods]:
        read_s, of, found = self._read.get(span_s, (0.0, frozenset[str](), {}))
        if namespaces <= of and 0 <= now_s - read_s < min(LOOKS_S, span_s / 5):
            return read_s, of, found
        if self._source is None:
            return now_s, namespaces, {}
        try:
            return now_s, namespaces, _by_namespace(self._source.activity(namespaces, span_s, now_s))
        except Exception:
            logger.exception("what pods did was not read")
            return now_s, namespaces, {}


def _by_namespace(found: Mapping[tuple[str, str], Activity]) -> Pods:
    sorted_out: defaultdict[str, dict[str, Activity]] = defaultdict(dict)
    for (namespace, pod), each in found.items():
        sorted_out[namespace][pod] = each
    return sorted_out
