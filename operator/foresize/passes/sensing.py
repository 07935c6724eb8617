"""What is known of a workload at a tick beside its pods: newest samples, forecasts, and whether they can be trusted."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from foresize.config.settings import Settings
from foresize.passes.senses import Foreseen, Senses
from foresize.sources.reader import Reader
from foresize_forecast.deciding.fast import Recent
from foresize_forecast.deciding.stalls import Waiting
from foresize_forecast.pods import PodView
from foresize_forecast.prometheus import ContainerOfPod, NewestSamples, Refusal, RefusalKind

logger = logging.getLogger(__name__)

Key = tuple[str, str]

SAMPLES_SPAN_S = 300
"""How far back the fast clock looks: its line needs a handful of samples, at any usual scrape interval."""
OUTLOOKS_KEPT = 4
"""Refit intervals after which a forecast is too old to lower anything."""
NO_SOURCE = Refusal(RefusalKind.NOT_SET, "no Prometheus is set: see the operator's setting --prometheus-url")


def latest(source: Reader | None, namespaces: set[str], now_s: float) -> NewestSamples:
    """Newest samples of all containers in some namespaces; never an error, for kills are seen without them too."""
    if source is None:
        return NewestSamples(now_s, {}, dict.fromkeys(namespaces, NO_SOURCE))
    try:
        return source.newest(sorted(namespaces), now_s, SAMPLES_SPAN_S)
    except Exception as error:
        logger.exception("newest samples were not read")
        refusal = Refusal(RefusalKind.BAD_ANSWER, f"what was answered could not be read: {error}")
        return NewestSamples(now_s, {}, dict.fromkeys(namespaces, refusal))


def with_waiting(
    source: Reader | None, lowered: Mapping[Key, Sequence[PodView]], senses: Mapping[Key, Senses], now_s: float
) -> dict[Key, Senses]:
    """What is known of workloads of which a limit was lowered just now, with how long they wait for memory.

    What cannot be read says nothing.
    """
    pods = {key: {(pod.namespace, pod.name) for pod in living} for key, living in lowered.items()}
    found = _waiting(source, [pod for each in pods.values() for pod in each], now_s)
    return {
        key: replace(
            senses[key], waiting={(of.pod, of.container): each for of, each in found.items() if of[:2] in pods[key]}
        )
        for key in lowered
    }


def _waiting(source: Reader | None, pods: Collection[tuple[str, str]], now_s: float) -> dict[ContainerOfPod, Waiting]:
    if source is None or not pods:
        return {}
    try:
        return dict(source.waiting(pods, now_s))
    except Exception:
        logger.exception("how long containers wait for memory was not read")
        return {}


def sense(
    namespace: str,
    pods: Iterable[PodView],
    samples: NewestSamples,
    foreseen: Foreseen,
    settings: Settings,
) -> Senses:
    """What is known of a workload with these pods. A container whose newest sample is old counts as not measured."""
    recent = {
        (pod.name, view.name): samples.containers[of]
        for pod in pods
        for view in pod.containers
        if (of := ContainerOfPod(namespace, pod.name, view.name)) in samples.containers
    }
    distrust = _distrust(namespace, samples, recent, foreseen, settings)
    fresh = {of: one for of, one in recent.items() if one.age_s(samples.asked_at_s) <= settings.sample_max_age_s}
    return Senses(fresh, foreseen, distrust)


def _distrust(
    namespace: str,
    samples: NewestSamples,
    recent: Mapping[tuple[str, str], Recent],
    foreseen: Foreseen,
    settings: Settings,
) -> str:
    """Why nothing may be lowered: refused, partial, old samples, an old forecast; empty where something may."""
    now_s = samples.asked_at_s
    if namespace in samples.refusals:
        return samples.refusals[namespace].message
    if namespace in samples.partial:
        return f"Prometheus answered with partial data: {'; '.join(samples.warnings)}"
    if samples.held:
        return samples.held
    age_s = min((one.age_s(now_s) for one in recent.values()), default=None)
    if age_s is not None and age_s > settings.sample_max_age_s:
        return f"the newest sample is {age_s:.0f} s old"
    if foreseen.made_at_s and now_s - foreseen.made_at_s > OUTLOOKS_KEPT * settings.refit_interval_s:
        return f"the forecast is {(now_s - foreseen.made_at_s) / 60:.0f} minutes old"
    return ""
