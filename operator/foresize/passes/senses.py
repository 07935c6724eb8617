"""What is known of a workload beside its pods: what the last refit found, and what a tick adds. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from foresize.fitting.fits import FIT_FAILED
from foresize.passes.managed import Managed
from foresize_forecast.deciding.fast import Recent
from foresize_forecast.deciding.stalls import Waiting
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.moving.idle import Activity
from foresize_forecast.pods import Kill, PodView
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.apart import Foretold
from foresize_forecast.workloads.review import Observation
from foresize_forecast.workloads.runreview import RunsKnown

Key = tuple[str, str]


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
        tiers: replicas that are sized apart, lowest first; empty where one size serves all, None: nothing is known.
    """

    forecasts: Mapping[str, Forecasted | NoOutlook] = field(default_factory=dict)
    first_samples_s: Mapping[str, float] = field(default_factory=dict)
    kills: Mapping[str, tuple[Kill, ...]] = field(default_factory=dict)
    distrust: str = ""
    made_at_s: float = 0.0
    runs: Mapping[str, RunsKnown] = field(default_factory=dict)
    tiers: tuple[Foretold, ...] | None = None


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
        ample: the nodes of all its pods were foretold to have memory to spare for a day.
    """

    recent: Mapping[tuple[str, str], Recent] = field(default_factory=dict)
    foreseen: Foreseen = field(default_factory=Foreseen)
    distrust: str = ""
    waiting: Mapping[tuple[str, str], Waiting] = field(default_factory=dict)
    share: float = 1.0
    ended: tuple[PodView, ...] = ()
    activity: Mapping[str, Activity] = field(default_factory=dict)
    needed_by_others: bool = False
    ample: bool = False


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
        names=managed.names(pods),
        ample=senses.ample,
    )


def over(known: Foreseen | None, made: Foreseen) -> Foreseen:
    """What a refit found, over what was known: a forecast is not lost to a fit that failed, but it ages."""
    if known is None:
        return made
    forecasts, failed = _over(known.forecasts, made.forecasts)
    before = {each.members: each for each in known.tiers or ()}
    tiers: list[Foretold] = []
    for each in made.tiers or ():
        own = before[each.members].forecasts if each.members in before else {}
        kept, fell = _over(own, each.forecasts)
        tiers.append(replace(each, forecasts=kept))
        failed |= fell
    whose = known.tiers if made.tiers is None else tuple(tiers)
    made_at_s = known.made_at_s if failed else made.made_at_s
    return replace(made, forecasts=forecasts, tiers=whose, made_at_s=made_at_s)


def _over(
    known: Mapping[str, Forecasted | NoOutlook], made: Mapping[str, Forecasted | NoOutlook]
) -> tuple[dict[str, Forecasted | NoOutlook], bool]:
    """The forecasts, with those that were known where a fit failed, and whether any of these is one."""
    failed = {name for name, each in made.items() if isinstance(each, NoOutlook) and each.reason == FIT_FAILED}
    kept = {name: known[name] for name in failed & known.keys()}
    return {**made, **kept}, any(isinstance(each, Forecasted) for each in kept.values())


def with_tails(key: Key, kept: Foreseen, shared: Mapping[tuple[Key, str, int], Forecasted | NoOutlook]) -> Foreseen:
    """What is known of a workload with the tails that it shares: of all replicas, and of each tier of them."""
    forecasts = {name: shared[key, name, 0] for name in kept.forecasts}
    tiers = kept.tiers and tuple(
        replace(each, forecasts={name: shared[key, name, number] for name in each.forecasts})
        for number, each in enumerate(kept.tiers, 1)
    )
    return replace(kept, forecasts=forecasts, tiers=tiers)
