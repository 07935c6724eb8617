"""One look at a workload whose replicas are sized apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, forecasted, mi, pod, recent, size
from foresize_forecast.deciding.state import ContainerState, Part, WorkloadState
from foresize_forecast.pods import Kill, PodView, Room
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.workloads.apart import ALIKE, MOVED, Foretold, review_apart
from foresize_forecast.workloads.review import Observation, Review, creation_sizes, pod_change

PACE = WorkloadPolicy(cooldown_s=0, canary=0)
LARGE = {"app": forecasted([300.0] * 12)}
"""Asks for 300 x 1.01 = 303 and a limit of 300 x 1.1 = 330 MiB."""
SMALL = {"app": forecasted([120.0] * 12)}
"""Asks for 121.2, rounded up 121.5, and a limit of 132 MiB."""
LOW, HIGH = ("pod/db-1", "pod/db-2"), ("pod/db-0",)
TIERS = (Foretold(LOW, SMALL), Foretold(HIGH, LARGE))


def ordinal(number: int, limit_mib: float = 400, **changes: Any) -> PodView:
    """A StatefulSet's pod with 320 MiB and a limit; `changes` are its container's."""
    view = container(present=size(min(320, limit_mib), limit_mib), **changes)
    return pod(view, name=f"db-{number}", uid=f"uid-{number}", owner="StatefulSet/db")


def seen(*pods: PodView, **changes: Any) -> Observation:
    """Three ordinals, of which the first uses 250 MiB and the others 60, or other pods with as much."""
    there = pods or tuple(map(ordinal, range(3)))
    use = {each.name: 250.0 if each.name == "db-0" else 60.0 for each in there}
    made = Observation(
        now_s=NOW_S,
        pods=there,
        recent={(name, "app"): recent([mib] * 5) for name, mib in use.items()},
        template={"app": size(320, 400)},
        qos=QosClass.BURSTABLE,
        names={each.name: (f"pod/{each.name}",) for each in there},
    )
    return replace(made, **changes)


def looked(
    state: WorkloadState | None = None,
    observed: Observation | None = None,
    tiers: tuple[Foretold, ...] | None = TIERS,
    pace: WorkloadPolicy = PACE,
) -> Review:
    """A look at the three."""
    return review_apart(state or WorkloadState(), observed or seen(), LARGE, tiers, pace)


def settled(**known: Any) -> WorkloadState:
    """As it is remembered an hour after the tiers came: a limit goes down by a half in each look, 400, 200, 132 MiB."""
    made = looked(**known).state
    for _ in range(2):
        made = looked(made, **known).state
    return replace(made, parts=tuple(replace(part, since_s=NOW_S - 3600) for part in made.parts))


def change(found: Review, number: int, observed: Observation | None = None) -> object:
    """What is patched in one of them."""
    there = observed or seen()
    return pod_change(there.pods[number], found, there, Room())


def test_each_replica_gets_the_size_of_those_it_is_with() -> None:
    """The hot one what it needs, the others a third; a new one is born with what fits any."""
    found = looked(settled())

    assert PodChange({"app": size(303, 330)}) == change(found, 0)
    for number in (1, 2):
        assert PodChange({"app": size(121.5, 132)}) == change(found, number)
    assert {"app": size(300, 330)} == creation_sizes(found, seen(), 3, Room())


def test_without_tiers_nothing_is_as_if_there_were_any() -> None:
    """One size for all, the same memory, the same verdicts."""
    found = looked(tiers=())

    assert () == found.apart == found.state.parts
    assert PodChange({"app": size(303, 330)}) == change(found, 1)
    assert found.verdicts == looked().verdicts


def test_a_new_replica_without_history_has_what_fits_any() -> None:
    """A fourth ordinal is in no tier before it has days of its own."""
    there = seen(*map(ordinal, range(4)))

    assert PodChange({"app": size(303, 330)}) == change(looked(observed=there), 3, there)


def test_an_operator_that_has_just_started_keeps_the_tiers() -> None:
    """Before its first refit nothing is lowered, and nothing is raised to what fits any."""
    found = looked(settled(), tiers=None)

    assert [LOW, HIGH] == [part.members for part in found.state.parts]
    assert size(121.5, 132) == found.of("db-1").verdicts["app"].target


def test_tiers_end_with_their_evidence() -> None:
    """All have one size again at the look after the refit that finds none."""
    found = looked(settled(), tiers=())

    assert () == found.state.parts
    assert ALIKE == found.turned
    assert size(303, 330) == found.of("db-1").verdicts["app"].target


def test_a_kill_of_a_small_one_ends_the_tiers_for_a_window() -> None:
    """Its need was taken for its own, and was a role: all have the large size, whatever the next refits find.

    The limit is the 400 MiB that they had before any was lowered: a kill goes back there.
    """
    killed = seen(ordinal(0), ordinal(1, 132, last_kill=Kill(NOW_S - 5, mi(132))), ordinal(2, 132))
    found = looked(settled(), killed)

    assert () == found.state.parts
    assert MOVED == found.turned
    assert NOW_S + PACE.window_s == found.state.together_until_s
    for number in (1, 2):
        assert PodChange({"app": size(303, 400)}) == change(found, number, killed)
    later = looked(found.state, killed)
    assert () == later.state.parts


def test_the_tiers_come_back_after_the_window() -> None:
    """What they were ended for is forgotten with the kill."""
    ended = WorkloadState(together_until_s=NOW_S - 1.0)

    found = looked(ended)

    assert [LOW, HIGH] == [part.members for part in found.state.parts]
    assert found.turned.startswith("2 sizes")
    assert found.turned.endswith("pod/db-0 needs most")
    assert "" == looked(found.state).turned


def test_a_kill_of_the_large_one_is_its_own() -> None:
    """Killed at 330 MiB it gets 660 and new replicas are born with as much; the others stay as they are."""
    killed = seen(ordinal(0, 330, last_kill=Kill(NOW_S - 5, mi(330))), ordinal(1, 132), ordinal(2, 132))
    found = looked(settled(), killed)

    assert mi(660) == found.of("db-0").verdicts["app"].target.limit_bytes
    assert mi(660) == creation_sizes(found, killed, 3, Room())["app"].limit_bytes
    assert mi(132) == found.of("db-1").verdicts["app"].target.limit_bytes


def test_kills_before_the_tiers_bind_those_that_they_were_of() -> None:
    """The hot one was killed at 300 MiB before it came apart: its floor of 600 holds up nobody else.

    These go down by a half in each look, 600, 300, 150: within twice the head room of 120, so it stays.
    """
    kill = Kill(NOW_S - 7200, mi(300))
    there = seen(ordinal(0, 600, last_kill=kill), ordinal(1, 600), ordinal(2, 600))
    before = WorkloadState({"app": ContainerState(kills=(kill,), kill_floor_bytes=mi(600))})
    found = looked(looked(looked(before, there).state, there).state, there)

    assert mi(600) == found.of("db-0").verdicts["app"].target.limit_bytes
    assert mi(150) == found.of("db-1").verdicts["app"].target.limit_bytes


def test_a_kill_of_which_nobody_knows_whose_it_was_binds_all() -> None:
    """Its pod is gone, and no record tells: it may have been anybody's."""
    kill = Kill(NOW_S - 7200, mi(300))
    before = WorkloadState({"app": ContainerState(kills=(kill,), kill_floor_bytes=mi(600))})
    there = seen(*(ordinal(number, 600) for number in range(3)))
    found = looked(before, there)

    assert mi(600) == found.of("db-0").verdicts["app"].target.limit_bytes
    assert mi(600) == found.of("db-1").verdicts["app"].target.limit_bytes


def test_a_kill_on_record_binds_its_tier() -> None:
    """Prometheus tells of the hot one's kill, whose pod has been replaced since."""
    kill = Kill(NOW_S - 7200, mi(300))
    tiers = (TIERS[0], replace(TIERS[1], kills={"app": (kill,)}))
    before = WorkloadState({"app": ContainerState(kills=(kill,), kill_floor_bytes=mi(600))})
    there = seen(*(ordinal(number, 600) for number in range(3)))
    found = looked(looked(looked(before, there, tiers).state, there, tiers).state, there, tiers)

    assert mi(150) == found.of("db-1").verdicts["app"].target.limit_bytes


def test_a_lower_limit_goes_to_one_of_its_tier_first() -> None:
    """Of the two small ones one tries it; the large one, alone in its tier, waits for nobody."""
    found = looked(settled(pace=replace(PACE, canary=1)), pace=replace(PACE, canary=1))
    limits = [
        each.sizes["app"].limit_bytes if isinstance(each := change(found, number), PodChange) else None
        for number in range(3)
    ]

    assert [mi(330), mi(132), mi(400)] == limits


def test_a_cooldown_begun_before_holds_in_the_tiers() -> None:
    """Coming apart is no reason to hurry: what was needed just now is lowered no sooner than ever."""
    pace = replace(PACE, cooldown_s=7200)
    before = WorkloadState({"app": ContainerState(target=size(320, 400), request_needed_at_s=NOW_S - 60.0)})

    assert mi(320) == looked(before, pace=pace).of("db-1").verdicts["app"].target.request_bytes


def test_a_tier_that_changes_keeps_its_memory() -> None:
    """A replica that joins finds the tier's target; two tiers that become one of three have the higher."""
    joined = looked(settled(), tiers=(Foretold((*LOW, "pod/db-3"), SMALL), TIERS[1]))
    assert [NOW_S - 3600] * 2 == [part.since_s for part in joined.state.parts]
    assert size(121.5, 132) == joined.state.parts[0].containers["app"].target

    three = replace(settled(), parts=(*settled().parts, Part(("pod/db-9",), NOW_S, {})))
    merged = looked(three, tiers=(Foretold((*LOW, *HIGH), LARGE), Foretold(("pod/db-9",), LARGE)))
    assert size(303, 330) == merged.state.parts[0].containers["app"].target


def test_guaranteed_replicas_get_one_number_each() -> None:
    """300 x 1.02 = 306 for the large one, 122.4 for the small: request and limit alike."""
    there = seen(qos=QosClass.GUARANTEED)
    found = looked(settled(observed=there), there)

    assert size(306, 306) == found.of("db-0").verdicts["app"].target
    assert size(122.5, 122.5) == found.of("db-1").verdicts["app"].target


@given(st.lists(st.floats(10, 2000), min_size=3, max_size=3), st.lists(st.floats(10, 2000), min_size=2, max_size=2))
def test_what_new_pods_are_born_with_does_not_depend_on_tiers(use: list[float], levels: list[float]) -> None:
    """Whatever the tiers are, the size that fits any replica is that of the workload as one."""
    there = replace(seen(), recent={(f"db-{number}", "app"): recent([mib] * 5) for number, mib in enumerate(use)})
    tiers = (
        Foretold(LOW, {"app": forecasted([levels[0]] * 12)}),
        Foretold(HIGH, {"app": forecasted([levels[1]] * 12)}),
    )
    found, one = looked(observed=there, tiers=tiers), looked(observed=there, tiers=())
    assert creation_sizes(one, there, 3, Room()) == creation_sizes(found, there, 3, Room())
