"""From wishes to evictions: one at a time, the intent written down first, and once for one cause whoever dies when."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from apiserver import Answer, Request, status
from builders import NOW_S, container, mi, pod, size
from foresize.config.settings import Settings
from foresize.kube.kubeapi import ApiError
from foresize.metrics import REGISTRY
from foresize.passes import moving
from foresize.reporting.forecasts import Look
from foresize_forecast.moving.moves import Cause, Wish
from foresize_forecast.pods import PodView
from foresize_forecast.reasons import Obstacle
from objectserver import Objects
from stage import FORECAST, POLICY, SIZES, Stage, deployment, policy, staged

KEY = ("shop", "Deployment/web")
PODS = "/api/v1/namespaces/shop/pods"
NODES = "/api/v1/nodes"
FULL = "requests should grow by 136Mi, its node has 0Mi free"
ALLOWS = Settings(evictions_per_hour=4)
Json = dict[str, Any]


def cluster(objects: Objects, second_mib: int = 1000, *, replicas: int = 2, **spec: Any) -> None:
    """Deployment web of two pods on a full node of 200 MiB, and another node."""
    policy(objects, apply={"atCreation": True, "running": "InPlaceOrEvict"}, **spec)
    deployment(objects)
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    web = objects.stored[path]
    web["spec"]["replicas"] = replicas
    for name, mib in (("node-1", 200), ("node-2", second_mib)):
        allocatable = {"memory": str(mi(mib)), "cpu": "4", "pods": "10"}
        objects.put(f"{NODES}/{name}", {"status": {"allocatable": allocatable}})
    for number in range(1, replicas + 1):
        _put_pod(objects, number, "node-1", "100Mi")


def _put_pod(objects: Objects, number: int, node: str, request: str) -> None:
    resources = {"requests": {"memory": request}}
    spec = {"nodeName": node, "containers": [{"name": "app", "resources": resources}]}
    objects.put(f"{PODS}/web-{number}", {"metadata": {"uid": f"uid-{number}"}, "spec": spec})


def views(objects: Objects) -> list[PodView]:
    """The pods that the server has, as a watch tells them."""
    found = []
    for path, item in sorted(objects.stored.items()):
        if path.startswith(f"{PODS}/"):
            name, node = item["metadata"]["name"], item["spec"].get("nodeName", "")
            found.append(pod(container(present=size(100, 128)), name=name, uid=item["metadata"]["uid"], node=node))
    return found


def moved(stage: Stage, now_s: float = NOW_S, *wanted: str, entry: Json | None = None, distrust: str = "") -> Look:
    """One look at web that wishes these pods (else the first) away, and what came of it."""
    stage.watch.pods = views(stage.objects)
    stage.objects.put(
        SIZES, {"spec": {"sizes": {"Deployment/web": {"app": entry or {"request": "200Mi", "limit": "300Mi"}}}}}
    )
    stage.admission.load()
    stage.acts.run()
    managed = stage.acts.scene.managed
    look = stage.attendant.attend(managed[KEY], lambda: tuple(stage.watch.pods), stage.acts.scene.senses[KEY], now_s)
    names = wanted or (stage.watch.pods[0].name,)
    wishes = tuple(
        Wish(each, Cause.NODE_FULL, Obstacle.NODE_FULL, FULL, now_s - 300)
        for each in stage.watch.pods
        if each.name in names
    )
    verdicts = {name: replace(each, target=size(200, None)) for name, each in look.review.verdicts.items()}
    seen = replace(look.seen, distrust=distrust)
    look = replace(look, seen=seen, wishes=wishes, review=replace(look.review, verdicts=verdicts), blocked={})
    return stage.mover.run(managed, {KEY: look}, now_s)[KEY]


def evictions(objects: Objects) -> list[str]:
    """Pods whose eviction was asked for."""
    return [path.split("/")[-2] for method, path in objects.writes() if path.endswith("/eviction") and method == "POST"]


def held(look: Look, name: str = "web-1") -> tuple[str, str]:
    """One word and the sentence beside what stands in a pod's way."""
    return look.blocked[name].held, look.blocked[name].message


def remembered(objects: Objects) -> list[str]:
    """Uids of the evictions in the stored memory."""
    state = objects.stored[FORECAST]["status"]["state"]
    return [each["uid"] for each in state.get("evictions", [])]


@pytest.fixture
def objects() -> Objects:
    made = Objects()
    cluster(made)
    return made


def test_a_pod_is_evicted_after_it_was_written_down(objects: Objects) -> None:
    """Its uid is in the MemoryForecast when the API server is asked, and bound to it."""
    seen: list[Any] = []

    def note(request: Request) -> None:
        if request.path.endswith("/eviction"):
            seen.append((remembered(objects), request.body["deleteOptions"]["preconditions"]["uid"]))

    objects.refuse = note
    with staged(objects, ALLOWS) as stage:
        look = moved(stage)

    assert [(["uid-1"], "uid-1")] == seen
    assert {} == look.blocked
    assert ["uid-1"] == [each.uid for each in look.review.state.evictions]


def test_one_pod_a_pass(objects: Objects) -> None:
    """Of two pods that should go one goes, and the other's reader is told why it waits."""
    with staged(objects, ALLOWS) as stage:
        look = moved(stage, NOW_S, "web-1", "web-2")

    assert ["web-1"] == evictions(objects)
    assert ("OneAtATime", f"{FULL}; not evicted: another pod was evicted just now") == held(look, "web-2")


def test_without_a_place_elsewhere_nothing_is_evicted() -> None:
    """The only other node has 150 MiB for a pod of 200."""
    objects = Objects()
    cluster(objects, second_mib=150)
    with staged(objects, ALLOWS) as stage:
        look = moved(stage)

    assert [] == evictions(objects)
    word, sentence = held(look)
    assert REGISTRY.get_sample_value("foresize_evictions_held", {"reason": "NoPlace"}) == 1
    assert "NoPlace" == word
    assert "no place for a pod that asks for 200Mi: of 2 nodes" in sentence
    assert "1 has too little memory (150Mi free)" in sentence


def test_a_budget_of_disruption_is_kept_in_the_servers_words(objects: Objects) -> None:
    """429: held with the name of the budget; tried again after a pause, and not remembered as an eviction."""
    words = "The disruption budget web needs 2 healthy pods and has 2 currently"
    cause = {"reason": "DisruptionBudget", "message": words}
    refusal = {"message": "Cannot evict pod as it would violate the pod's disruption budget.", "code": 429}
    answer: Answer = (429, refusal | {"details": {"causes": [cause]}})
    objects.refuse = lambda request: answer if request.path.endswith("/eviction") else None
    with staged(objects, ALLOWS) as stage:
        first = moved(stage)
        again = moved(stage, NOW_S + 14)
        assert ["web-1"] == evictions(objects)
        objects.refuse = lambda _: None
        moved(stage, NOW_S + 15)

    word, sentence = held(first)
    assert "Refused" == word
    assert words in sentence
    assert held(again) == held(first)
    assert ["web-1", "web-1"] == evictions(objects)
    assert () == first.review.state.evictions


def test_what_cannot_be_written_down_is_not_done(objects: Objects) -> None:
    """A memory that the API server does not take means no eviction."""
    with staged(objects, ALLOWS) as stage:
        moved(stage, NOW_S, "nobody")
        objects.refuse = lambda request: status(500, "etcd is away") if request.method == "PUT" else None
        look = _moved_again(stage)

    assert [] == evictions(objects)
    assert "NotRemembered" == held(look)[0]


def _moved_again(stage: Stage) -> Look:
    """A look after which only the mover writes."""
    managed = stage.acts.scene.managed
    [key] = managed
    look = stage.attendant.attend(managed[key], lambda: tuple(stage.watch.pods), stage.acts.scene.senses[key], NOW_S)
    wish = Wish(stage.watch.pods[0], Cause.NODE_FULL, Obstacle.NODE_FULL, FULL, NOW_S - 300)
    verdicts = {name: replace(each, target=size(200, None)) for name, each in look.review.verdicts.items()}
    seen = replace(look.seen, distrust="")
    look = replace(look, seen=seen, wishes=(wish,), review=replace(look.review, verdicts=verdicts), blocked={})
    return stage.mover.run(managed, {key: look}, NOW_S)[key]


class Dies(Exception):  # noqa: N818 - what a SIGKILL is to the code that runs
    """The operator is killed here."""


@pytest.mark.parametrize("answered", [False, True])
def test_an_operator_that_dies_at_an_eviction_is_followed_by_one_that_makes_none_more(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, *, answered: bool
) -> None:
    """Killed between the intent and the eviction, or between the eviction and its report: one eviction in all."""
    door = moving.evict

    def dying(*given: Any) -> None:
        if answered:
            door(*given)
        raise Dies

    with staged(objects, ALLOWS) as stage:
        monkeypatch.setattr(moving, "evict", dying)
        with pytest.raises(Dies):
            moved(stage)
        monkeypatch.setattr(moving, "evict", door)
    assert ["uid-1"] == remembered(objects)
    with staged(objects, ALLOWS) as heir:
        heir.records.load()
        if answered:
            look = moved(heir, NOW_S + 5, "web-2")
            assert "NotAllReady" == held(look, "web-2")[0]
            _put_pod(objects, 3, "node-2", "200Mi")
            assert [] == [each for each in moved(heir, NOW_S + 10, "web-1").blocked if each != "web-2"]
        else:
            moved(heir, NOW_S + 5)

    assert ["web-1"] == evictions(objects)
    assert ["uid-1"] == remembered(objects)


def test_budgets_outlive_the_operator(objects: Objects) -> None:
    """What the last one has evicted counts for the next one."""
    settings = Settings(evictions_per_hour=1)
    with staged(objects, settings) as stage:
        moved(stage)
    _put_pod(objects, 3, "node-2", "200Mi")
    with staged(objects, settings) as heir:
        heir.records.load()
        look = moved(heir, NOW_S + 600, "web-2")
        assert ["web-1"] == evictions(objects)
        moved(heir, NOW_S + 3601, "web-2")

    assert "BudgetSpent" == held(look, "web-2")[0]
    assert ["web-1", "web-2"] == evictions(objects)


def test_budgets_outlive_a_memory_that_is_deleted(objects: Objects) -> None:
    """Deleting a MemoryForecast gives no budget back to the operator that runs."""
    with staged(objects, Settings(evictions_per_hour=1)) as stage:
        moved(stage)
        del objects.stored[FORECAST]
        stage.records.load()
        _put_pod(objects, 3, "node-2", "200Mi")
        look = moved(stage, NOW_S + 600, "web-2")

    assert "BudgetSpent" == held(look, "web-2")[0]


def test_an_intent_that_came_to_nothing_is_given_back(objects: Objects) -> None:
    """A pod that lives on a minute after it was to be evicted was not: the budget is whole again."""
    with staged(objects, Settings(evictions_per_hour=1)) as stage:
        objects.refuse = lambda request: status(429, "no") if request.path.endswith("/eviction") else None
        moved(stage)
        objects.refuse = lambda _: None
    with staged(objects, Settings(evictions_per_hour=1)) as heir:
        heir.records.load()
        assert ["uid-1"] == remembered(objects)
        early = moved(heir, NOW_S + 30, "web-2")
        moved(heir, NOW_S + 61, "web-2")

    assert "BudgetSpent" == held(early, "web-2")[0]
    assert ["web-1", "web-2"] == evictions(objects)


def test_a_pod_that_was_not_sized_at_creation_would_not_be_helped(objects: Objects) -> None:
    """MemorySizes that give a new pod what it has already are no reason to make one."""
    with staged(objects, ALLOWS) as stage:
        look = moved(stage, NOW_S, entry={"request": "100Mi"})

    assert [] == evictions(objects)
    assert "NotSizedAtCreation" == held(look)[0]


def test_a_single_replica_is_held_and_the_way_out_is_said() -> None:
    """Its owner's mark is what it takes."""
    objects = Objects()
    cluster(objects, replicas=1)
    with staged(objects, ALLOWS) as stage:
        look = moved(stage)
    word, sentence = held(look)

    assert [] == evictions(objects)
    assert "SingleReplica" == word
    assert 'mark its workload foresize.dev/evict: "true"' in sentence


def test_pods_that_may_not_be_read_are_not_judged(objects: Objects) -> None:
    """An operator that sees only its namespaces cannot tell whether a node has room: it evicts nothing, and says so."""
    with staged(objects, ALLOWS) as stage:
        objects.refuse = lambda request: status(403, "forbidden") if request.path == "/api/v1/pods" else None
        look = moved(stage, NOW_S, "web-1", "web-2")

    assert [] == evictions(objects)
    assert ["PlaceUnknown", "PlaceUnknown"] == [held(look, name)[0] for name in ("web-1", "web-2")]
    assert 1 == sum(each.path == "/api/v1/pods" for each in objects.requests)  # not tried again for each


def test_nothing_is_evicted_on_data_that_cannot_be_trusted(objects: Objects) -> None:
    """Without samples, or with old ones, a pod stays where it is."""
    with staged(objects, ALLOWS) as stage:
        look = moved(stage, distrust="the newest sample is 300 s old")

    assert [] == evictions(objects)
    assert "StaleData" == held(look)[0]


def test_a_pod_that_is_gone_is_no_error(objects: Objects) -> None:
    """404, and 409 for another uid: nothing is left to do, and nothing is held."""
    for code in (404, 409):
        objects.refuse = lambda request, code=code: (  # type: ignore[misc]
            status(code, "gone") if request.path.endswith("/eviction") else None
        )
        with staged(objects, ALLOWS) as stage:
            assert {} == moved(stage, NOW_S + code).blocked


def test_without_the_lease_nothing_is_evicted(objects: Objects) -> None:
    """The door asks the fence, and so does the one who knocks."""
    with staged(objects, ALLOWS) as stage:
        moved(stage, NOW_S, "nobody")
        stage.held = False
        try:
            look = _moved_again(stage)
        except ApiError:
            look = None

    assert [] == evictions(objects)
    assert look is None or held(look)[0] in {"NotTheWriter", "NotRemembered"}


def test_a_node_that_cannot_be_read_is_no_place_and_no_error(objects: Objects) -> None:
    """A quantity that is none stops no pass: nothing is evicted, and it is said."""
    objects.put(f"{NODES}/node-3", {"status": {"allocatable": {"memory": "1Gi", "cpu": "lots"}}})
    with staged(objects, ALLOWS) as stage:
        look = moved(stage)

    assert [] == evictions(objects)
    assert "PlaceUnknown" == held(look)[0]


def test_what_fails_in_evicting_keeps_nothing_else_from_being_done(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New pods are sized, and policies report, whatever becomes of evictions."""

    def fails(*_: Any) -> None:
        raise RuntimeError("a bug")

    with staged(objects, ALLOWS) as stage:
        monkeypatch.setattr(stage.mover, "run", fails)
        stage.foresee("web", 100)
        written = [path for _, path in stage.run(*views(objects))]

    assert SIZES.rpartition("/")[0] in written
    assert POLICY + "/status" in written


def test_a_pass_looks_for_few_places(objects: Objects) -> None:
    """Of fifteen pods without a place ten are looked at, the others next time; each is told why it waits."""
    for number in range(3, 16):
        _put_pod(objects, number, "node-1", "0")
    objects.stored["/apis/apps/v1/namespaces/shop/deployments/web"]["spec"]["replicas"] = 15
    objects.stored[f"{NODES}/node-2"]["spec"] = {"unschedulable": True}
    names = [f"web-{number}" for number in range(1, 16)]
    with staged(objects, ALLOWS) as stage:
        first = moved(stage, NOW_S, *names)
        asked = len(objects.requests)
        second = moved(stage, NOW_S + 1, *names)

    assert {"NoPlace": 10, "InTheQueue": 5} == Counter(held(first, name)[0] for name in names)
    assert {"NoPlace": 15} == Counter(held(second, name)[0] for name in names)
    # Nodes and pods were read once, and only the five that had waited are looked at.
    later = [each.path for each in objects.requests[asked:] if each.method == "GET"]
    assert 5 == sum(path.startswith(f"{PODS}/") for path in later)
    assert "/api/v1/pods" not in later


def test_a_workloads_refusal_holds_its_other_pods(objects: Objects) -> None:
    """A disruption budget is for all of them: the API server is not asked for each."""
    objects.refuse = lambda request: status(429, "no") if request.path.endswith("/eviction") else None
    with staged(objects, ALLOWS) as stage:
        look = moved(stage, NOW_S, "web-1", "web-2")
        events = [each.body["note"] for each in objects.requests if each.path.endswith("/events")]

    assert 1 == len(evictions(objects))
    assert ["Refused", "Refused"] == [held(look, name)[0] for name in ("web-1", "web-2")]
    assert len(events) <= 1
