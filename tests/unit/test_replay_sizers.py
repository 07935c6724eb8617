"""What every sizer has to keep: it knows the past, and nothing of the future."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.peers import ORACLES
from foresize_forecast.replay.sizers import BASELINE, POLICIES, chosen
from foresize_forecast.replay.trace import FIRST_SIZE_S, LAG_COLUMNS, Sizes, Trace, Track
from foresize_forecast.series import FloatArray
from replays import MIB, NAN, STEP_S, trace

COLUMNS = 3 * 288
FIRST_HOUR = FIRST_SIZE_S // STEP_S
HONEST = sorted(set(POLICIES) - set(ORACLES))
SIBLINGS = {"namespaces": ("shop", "shop", "bank"), "siblings": ("web/main", "web/main", "db/main")}


def drawn(seed: int) -> FloatArray:
    """Three series with steps, spikes and gaps; they begin at once, for what comes first has a rule of its own."""
    draws = np.random.default_rng(seed)
    level = np.exp(np.cumsum(draws.normal(0, 0.02, (3, COLUMNS)), axis=1)) * 100 * MIB
    level[draws.random(level.shape) < 0.01] *= 3
    level[1, 300:330] = NAN
    level[2, draws.random(COLUMNS) < 0.1] = NAN
    level[:, :FIRST_HOUR] = 100 * MIB
    return level


def sized(name: str, played: Trace, track: Track) -> Sizes:
    return POLICIES[name].make().sizes(played, track, lambda _: None)


@pytest.mark.parametrize("track", list(Track))
@pytest.mark.parametrize("name", HONEST)
def test_a_sizer_knows_nothing_of_the_future(name: str, track: Track) -> None:
    """Cut off, or with another future, a trace has the same sizes up to then."""
    usage = drawn(1)
    whole = sized(name, trace(usage, **SIBLINGS), track)
    for cut in (400, 700):
        other = usage.copy()
        other[:, cut:] = drawn(2)[:, cut:] * 5
        known = cut + LAG_COLUMNS
        for changed in (trace(usage, **SIBLINGS).until(cut), trace(other, **SIBLINGS)):
            again = sized(name, changed, track)
            upto = min(known, changed.grid.count)
            np.testing.assert_array_equal(whole.request[:, :upto], again.request[:, :upto])
            np.testing.assert_array_equal(whole.limit[:, :upto], again.limit[:, :upto])


@pytest.mark.parametrize("track", list(Track))
@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_sizer_sets_what_it_is_asked_for(name: str, track: Track) -> None:
    """There is a size from the first measurement on, and one for request and limit where that is asked for."""
    played = trace(drawn(3), **SIBLINGS)
    found = sized(name, played, track)
    measured = ~np.isnan(played.usage)

    assert played.usage.shape == found.request.shape == found.limit.shape
    assert (found.request[measured] > 0).all()
    assert (found.limit[measured] >= found.request[measured]).all()
    if track is Track.GUARANTEED:
        np.testing.assert_array_equal(found.request, found.limit)


@pytest.mark.parametrize("name", HONEST)
def test_a_sizer_does_the_same_twice(name: str) -> None:
    """A replay can be repeated: nothing in it is drawn by lot."""
    first, second = (sized(name, trace(drawn(4), **SIBLINGS), Track.BURSTABLE) for _ in range(2))

    np.testing.assert_array_equal(first.request, second.request)
    np.testing.assert_array_equal(first.limit, second.limit)


def test_policies_are_chosen_by_name() -> None:
    """In the order given, each once; all where none is given; a name that is none is refused with those that are."""
    assert ("krr", BASELINE) == chosen(["krr", BASELINE, "krr"])
    assert tuple(POLICIES) == chosen([])
    with pytest.raises(TraceError, match=r"--policies: 'kr' is no policy; .*krr"):
        chosen(["kr"])
