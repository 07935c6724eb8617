"""What is remembered, and how it is stored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import size
from foresize_forecast.deciding.state import (
    Attempt,
    Change,
    ContainerState,
    Eviction,
    Part,
    Sleep,
    SleepPhase,
    Wait,
    WorkloadState,
)
from foresize_forecast.deciding.stored import dump, load
from foresize_forecast.pods import Kill
from foresize_forecast.reasons import Reason

moments = st.floats(0, 2e9)
sizes = st.builds(lambda request, more: size(request, request + more), st.integers(0, 999), st.integers(0, 999))
containers = st.builds(
    ContainerState,
    target=st.one_of(st.none(), sizes),
    request_needed_at_s=moments,
    limit_changed_at_s=moments,
    limit_before_lowering=st.one_of(st.none(), st.integers(1, 2**40)),
    kills=st.lists(st.builds(Kill, moments, st.one_of(st.none(), st.integers(1, 2**40))), max_size=3).map(tuple),
    kill_floor_bytes=st.integers(0, 2**40),
    need_seen_at_s=moments,
    fast_level_bytes=st.integers(0, 2**40),
    fast_until_s=moments,
    fast_raises_s=st.lists(moments, max_size=3).map(tuple),
    last_change=st.one_of(st.none(), st.builds(Change, moments, sizes, sizes, st.sampled_from(Reason), st.text())),
)
sleeps = st.builds(
    Sleep,
    st.sampled_from(SleepPhase),
    moments,
    st.integers(0, 99),
    st.text(min_size=1),
    st.text(),
    st.dictionaries(st.text(min_size=1), st.integers(0, 2**40), max_size=3),
    wake=st.text(),
    rests_until_s=moments,
    tried_s=moments,
    message=st.text(),
    naps=st.lists(st.tuples(moments, moments), max_size=3).map(tuple),
)
states = st.builds(
    WorkloadState,
    sleep=st.one_of(st.none(), sleeps),
    containers=st.dictionaries(st.text(min_size=1), containers, max_size=3),
    attempts=st.dictionaries(st.text(min_size=1), st.builds(Attempt, moments, st.integers(0, 9), st.text(), moments)),
    revisions=st.dictionaries(st.text(min_size=1), moments, max_size=3),
    waits=st.dictionaries(st.text(min_size=1), st.builds(Wait, st.text(), moments), max_size=3),
    evictions=st.lists(
        st.builds(Eviction, moments, st.text(min_size=1), st.text(), st.text(), st.text(min_size=1), st.text()),
        max_size=3,
    ).map(tuple),
    parts=st.lists(
        st.builds(
            Part,
            st.lists(st.text(min_size=1), min_size=1, max_size=3).map(tuple),
            moments,
            st.dictionaries(st.text(min_size=1), containers, max_size=2),
        ),
        max_size=2,
    ).map(tuple),
    together_until_s=moments,
)


@given(states)
def test_what_is_stored_comes_back_whole(state: WorkloadState) -> None:
    """An operator that restarts knows what the last one knew."""
    assert state == load(json.loads(json.dumps(dump(state))))


def test_nothing_stored_is_an_empty_memory() -> None:
    """A new MemoryForecast has no state yet."""
    assert WorkloadState() == load(None) == load({})


def test_what_an_earlier_release_stored_is_read() -> None:
    """It knew of no replicas that are sized apart: one size serves all, and what it did know is kept."""
    stored = dump(WorkloadState({"app": ContainerState(kill_floor_bytes=7)}))
    assert not {"parts", "togetherUntil"} & stored.keys()
    assert (7, ()) == (load(stored).container("app").kill_floor_bytes, load(stored).parts)


def test_another_version_is_refused_instead_of_forgotten() -> None:
    """What kills taught is not thrown away by a downgrade without a word."""
    with pytest.raises(ValueError, match="version 99, this release reads 1"):
        load({"version": 99})
