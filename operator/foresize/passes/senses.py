"""What is known of a workload beside its pods: what the last refit found, and what a tick adds. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foresize.passes.managed import Managed
from foresize_forecast.fast import Recent
from foresize_forecast.idle import Activity
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted
from foresize_forecast.pods import Kill, PodView
from foresize_forecast.runreview import RunsKnown
from foresize_forecast.stalls import Waiting
from foresize_forecast.workload import Observation


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the last refit of a workload found.

    Attributes:
        forecasts: by container name.
        first_samples_s: by revision, when its first sample was taken, as far as pods' names tell.
        kills: of pods that may be gone, by container name, as far as they are on record.
        distrust: why it cannot be trusted to lower anything (partial data); empty if it can.
        made_at_s: when it was made.
        runs: by container name, where its pods are runs.
    """

    forecasts: Mapping[str, Forecasted | NoOutlook] = field(default_factory=dict)
    first_samples_s: Mapping[str, float] = field(default_factory=dict)
    kills: Mapping[str, tuple[Kill, ...]] = field(default_factory=dict)
    distrust: str = ""
    made_at_s: float = 0.0
    runs: Mapping[str, RunsKnown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Senses:
    """What is known of a workload at a tick, beside its pods.

    Attributes:
        recent: newest samples by (pod, container).
        foreseen: its forecasts.
        distrust: why its samples or its forecast cannot be trusted to lower anything; empty if they can.
        waiting: how long containers wait for memory, by (pod, container), of those whose limit was lowered just now.
        share: of the requests that it wants, what its policy's budget gives it.
        ended: pods of it that were killed for good and are still there.
        activity: by pod name, what was measured of pods of its namespace besides memory.
        needed_by_others: it does nothing, and a node of its pods was foretold to be short in the last pass.
    """

    recent: Mapping[tuple[str, str], Recent] = field(default_factory=dict)
    foreseen: Foreseen = field(default_factory=Foreseen)
    distrust: str = ""
    waiting: Mapping[tuple[str, str], Waiting] = field(default_factory=dict)
    share: float = 1.0
    ended: tuple[PodView, ...] = ()
    activity: Mapping[str, Activity] = field(default_factory=dict)
    needed_by_others: bool = False


def observe(managed: Managed, pods: tuple[PodView, ...], senses: Senses, now_s: float) -> Observation:
    """Everything seen of a workload, as the brain wants it."""
    return Observation(
        now_s=now_s,
        pods=pods,
        recent=senses.recent,
        template=managed.template(pods),
        qos=managed.qos(pods),
        bounds=managed.bounds,
        distrust=managed.distrust or senses.distrust or senses.foreseen.distrust,
        first_samples_s=senses.foreseen.first_samples_s,
        waiting=senses.waiting,
        ended=senses.ended,
        init=managed.workload.init,
        past_kills=senses.foreseen.kills,
        share=senses.share,
        revision=managed.workload.revision,
        needed_by_others=senses.needed_by_others,
    )
