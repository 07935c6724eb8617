"""A namespace's MemorySizes: what is in it, and that what must go does go, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apiserver import Request, serving, status
from builders import size
from foresize.doors.admission import Admission, Entry, Owner
from foresize.kube.lease import Fence
from objectserver import Objects

COLLECTION = "/apis/foresize.dev/v1alpha1/namespaces/shop/memorysizes"
PATH = f"{COLLECTION}/foresize"
WEB, API = "Deployment/web", "Deployment/api"
POLICY = Owner("web", "uid-web")
ENTRY = Entry({"app": size(100, 200)}, ["abc"])
WRITTEN = {"app": {"request": "100Mi", "limit": "200Mi", "revisions": ["abc"]}}


@contextmanager
def keeping(objects: Objects, *, held: bool = True) -> Iterator[Admission]:
    """The door at a server that holds these objects, and what it knows of them."""
    with serving(objects.answer) as api:
        made = Admission(api, Fence(lambda: held))
        made.load()
        yield made


def written(objects: Objects) -> dict[str, Any]:
    """The sizes as the API server has them; empty where there is no object."""
    return objects.stored.get(PATH, {}).get("spec", {}).get("sizes", {})


def failing(objects: Objects, *, made: bool) -> None:
    """From now on every write is answered with an error, although it may have been made."""

    def refuse(request: Request) -> tuple[int, Any] | None:
        if request.method == "GET":
            return None
        if made:
            objects.put(PATH, request.body)
        return status(500, "etcd is away")

    objects.refuse = refuse


def test_the_same_sizes_are_written_once() -> None:
    """Pass after pass with the same result costs no write."""
    objects = Objects()
    with keeping(objects) as door:
        for _ in range(3):
            assert door.publish("shop", {WEB: ENTRY}, [POLICY]) is None

    assert {WEB: WRITTEN} == written(objects)
    assert [("POST", COLLECTION)] == objects.writes()
    assert ["uid-web"] == [owner["uid"] for owner in objects.stored[PATH]["metadata"]["ownerReferences"]]


def test_a_workload_that_could_not_be_looked_at_keeps_its_size() -> None:
    """One look that fails does not send new pods back to their template's size."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY, API: ENTRY}, [POLICY])
        door.publish("shop", {WEB: Entry({"app": size(120, 240)}, None)}, [POLICY])

    assert {WEB: {"app": {"request": "120Mi", "limit": "240Mi"}}, API: WRITTEN} == written(objects)


def test_a_container_without_a_forecast_keeps_its_size_and_one_that_no_policy_names_loses_it() -> None:
    """After a restart nothing is known until the first refit: what was written holds, for what is still selected."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: Entry({"app": size(100, 200), "side": size(10, 20)}, ["abc"])}, [POLICY])
        door.publish("shop", {WEB: Entry({}, ["abc"], undecided={"app"})}, [POLICY])

    assert {WEB: WRITTEN} == written(objects)


def test_an_entry_without_containers_goes() -> None:
    """A policy that names none of a workload's containers any more has no say in how its pods are born."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY, API: ENTRY}, [POLICY])
        door.publish("shop", {WEB: Entry({}, ["abc"])}, [POLICY])

    assert {API: WRITTEN} == written(objects)


def test_what_must_not_act_any_more_is_taken_out() -> None:
    """The entry of a workload that is paused, or that no policy selects, goes; others stay."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY, API: ENTRY}, [POLICY])

        assert {"shop"} == door.namespaces()
        assert door.retain("shop", {API}) is None

    assert {API: WRITTEN} == written(objects)


@pytest.mark.parametrize("made", [True, False])
def test_a_withdrawal_that_failed_is_made_again(*, made: bool) -> None:
    """An API server that answers 500 while an entry is taken out does not leave it in force for good."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY}, [POLICY])
        failing(objects, made=made)
        refused = door.retain("shop", set())
        assert refused is not None
        assert "etcd is away" == refused.message
        objects.refuse = lambda _: None

        assert {"shop"} == door.namespaces()
        assert door.retain("shop", set()) is None

    assert {} == written(objects)


def test_a_size_that_may_have_been_written_is_withdrawn_all_the_same() -> None:
    """A first write that timed out may have been made: the policy's deletion takes it back."""
    objects = Objects()
    with keeping(objects) as door:
        failing(objects, made=True)
        assert door.publish("shop", {WEB: ENTRY}, [POLICY]) is not None
        objects.refuse = lambda _: None
        assert {WEB: WRITTEN} == written(objects)
        for namespace in door.namespaces():
            door.retain(namespace, set())

    assert {} == written(objects)


def test_a_size_that_was_withdrawn_by_a_write_without_answer_returns() -> None:
    """A policy that is paused and resumed while the API server fails ends with its sizes in force."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY}, [POLICY])
        failing(objects, made=True)
        door.retain("shop", set())
        objects.refuse = lambda _: None
        assert {} == written(objects)
        door.publish("shop", {WEB: ENTRY}, [POLICY])

    assert {WEB: WRITTEN} == written(objects)


def test_an_object_that_was_deleted_comes_back_with_the_next_change() -> None:
    """Somebody deletes MemorySizes: it is made anew."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY}, [POLICY])
        del objects.stored[PATH]
        door.publish("shop", {WEB: ENTRY, API: ENTRY}, [POLICY])

    assert {WEB: WRITTEN, API: WRITTEN} == written(objects)


def test_what_somebody_edits_is_set_right() -> None:
    """An edited or deleted MemorySizes is noticed when all is read anew, and written as decided."""
    for edited in ({"spec": {"sizes": {WEB: {"app": {"request": "1Ti"}}}}}, None):
        objects = Objects()
        with keeping(objects) as door:
            door.publish("shop", {WEB: ENTRY}, [POLICY])
            if edited is None:
                del objects.stored[PATH]
            else:
                objects.put(PATH, edited)
            door.load()
            door.publish("shop", {WEB: ENTRY}, [POLICY])

        assert {WEB: WRITTEN} == written(objects)


def test_an_edit_between_two_writes_is_written_over() -> None:
    """A conflict is answered by reading the version and writing once more."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY}, [POLICY])
        objects.put(PATH, {"spec": {"sizes": {}}})
        assert door.publish("shop", {WEB: ENTRY, API: ENTRY}, [POLICY]) is None

    assert {WEB: WRITTEN, API: WRITTEN} == written(objects)


def test_the_next_operator_knows_what_is_written() -> None:
    """After a restart the entries of the operator before are seen, told to the pod watch, and taken out when due."""
    objects = Objects()
    with keeping(objects) as door:
        door.publish("shop", {WEB: ENTRY}, [POLICY])
    with keeping(objects) as later:
        assert WRITTEN == later.entry(("shop", WEB))
        later.retain("shop", set())
        assert {} == later.entry(("shop", WEB))

    assert {} == written(objects)


def test_nothing_is_written_without_the_lease() -> None:
    """Another operator's sizes are left alone, in both directions."""
    objects = Objects()
    objects.put(PATH, {"spec": {"sizes": {WEB: WRITTEN}}})
    with keeping(objects, held=False) as door:
        answers = [door.retain("shop", set()), door.publish("shop", {API: ENTRY}, [POLICY])]

    assert [True, True] == [answer.fenced for answer in answers if answer is not None]
    assert [] == objects.writes()
