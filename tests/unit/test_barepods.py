"""Pods that nothing owns: found where a policy asks for them, forecast, and never written to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apiserver import Answer, Request, serving, status
from builders import NOW_S, container, forecasted, pod, size
from foresize.cluster.barepods import bare, by_name
from foresize.cluster.guard import assign
from foresize.cluster.targets import MOST_BARE_PODS, Inventory, selected, with_bare_pods
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy, PolicyProblem, parse
from foresize.config.selecting import Ref
from foresize.passes.managed import Managed, kept_s, manage
from foresize.passes.senses import Foreseen
from foresize_forecast.pods import PodView
from objectserver import Objects
from stage import OURS, POLICY, staged
from stage import policy as stored_policy

EVERYTHING = {"atCreation": True, "running": "InPlaceOrEvict", "template": True}
Json = dict[str, Any]


def parsed(**target: Any) -> Policy | PolicyProblem:
    """A policy that applies all there is."""
    metadata = {"namespace": "shop", "name": "p", "uid": "uid-p"}
    return parse({"metadata": metadata, "spec": {"target": target, "apply": EVERYTHING}})


def policy(**target: Any) -> Policy:
    """The same, as one that can be followed."""
    found = parsed(**target)
    assert isinstance(found, Policy), found
    return found


def lone(name: str = "lone", **changes: Any) -> PodView:
    """A bare pod of namespace shop."""
    return replace(pod(), name=name, uid=f"uid-{name}", owner="", **changes)


def found(chosen: Policy, *pods: PodView) -> list[str]:
    """What a policy is about where these pods live."""
    return [each.key[1] for each in selected(chosen, with_bare_pods(Inventory(), [chosen], pods))]


def test_a_selector_finds_them_where_it_is_asked_to() -> None:
    """By their own labels and in the policy's namespace; a mirror pod's owner is its node; without barePods, none."""
    shop = {"team": "shop"}
    pods = (
        lone("one", labels=shop),
        lone("other"),
        lone("far", labels=shop, namespace="bank"),
        replace(pod(), name="owned", labels=shop),
        replace(lone("etcd-node-1", labels=shop), owner="Node/node-1"),
    )
    selector = {"matchLabels": shop}

    assert ["Pod/one"] == found(policy(selector=selector, barePods=True), *pods)
    assert [] == found(policy(selector=selector), *pods)
    assert ["Pod/one", "Pod/other"] == found(policy(selector={}, barePods=True), *pods)


def test_they_are_found_for_who_asked_alone() -> None:
    """Beside a policy that asks for bare pods, another of the namespace has its workloads as before."""
    asking, other = policy(selector={}, barePods=True), policy(selector={})
    inventory = with_bare_pods(Inventory(), [asking, other], [lone()])

    assert ["Pod/lone"] == [each.key[1] for each in selected(asking, inventory)]
    assert [] == selected(other, inventory)


def test_there_are_so_many_of_them(caplog: pytest.LogCaptureFixture) -> None:
    """Pods of names that never come again are not each given an object without end: the oldest are, and it is said."""
    pods = [lone(f"p{n:03d}", created_s=float(NOW_S - n)) for n in range(MOST_BARE_PODS + 1)]

    kept = found(policy(selector={}, barePods=True), *pods)

    assert MOST_BARE_PODS == len(kept)
    assert "Pod/p000" not in kept  # the youngest
    assert "301 pods that nothing owns, of which 300 are recommended for" in caplog.text


@pytest.mark.parametrize(
    "target",
    [
        {"ref": {"apiVersion": "v1", "kind": "Pod", "name": "lone"}, "barePods": True},
        {"selector": {}, "groupBy": "job", "barePods": True},
    ],
)
def test_bare_pods_go_with_a_selector(target: Json) -> None:
    """With a name or a label that groups pods the word would mean nothing."""
    problem = parsed(**target)

    assert isinstance(problem, PolicyProblem)
    assert "spec.target.barePods is True: must be left out where target has a ref or groupBy" in problem.message


def asked(answer: Answer, known: Workload | None = None) -> Workload | str:
    """What the name `lone` leads to."""

    def server(request: Request) -> Answer:
        assert request.path == "/api/v1/namespaces/shop/pods/lone"
        return answer

    with serving(server) as api:
        return by_name(api, "shop", Ref("v1", "Pod", "lone"), known)


def stored(owner: str = "") -> Answer:
    """A pod as the API server has it."""
    kind, _, name = owner.partition("/")
    owners = [{"kind": kind, "name": name, "controller": True}] if owner else []
    metadata = {"namespace": "shop", "name": "lone", "uid": "u", "ownerReferences": owners}
    resources = {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    return 200, {"metadata": metadata, "spec": {"containers": [{"name": "app", "resources": resources}]}}


def test_by_name() -> None:
    """One by its name has its own sizes for a template; what somebody owns, or nobody can change, is said."""
    one = asked(stored())

    assert isinstance(one, Workload)
    assert (("shop", "Pod/lone"), {"app": size(64, 128)}) == (one.key, one.template)
    assert "Pod lone belongs to StatefulSet db: name that one" == asked(stored("StatefulSet/db"))
    assert "Pod lone is a static pod of node n1: its memory is in a file there" == asked(stored("Node/n1"))
    assert "there is no Pod lone in shop" == asked(status(404, "gone"))


def test_an_outage_is_no_deletion() -> None:
    """What cannot be read just now is taken to be as it was."""
    assert bare(lone()) == asked(status(500, "etcd is away"), bare(lone()))
    assert "Pod lone could not be read: etcd is away" == asked(status(500, "etcd is away"))


def managed(one: PodView) -> Managed:
    """A bare pod under a policy that applies all there is."""
    chosen = policy(selector={}, barePods=True)
    ((assignment,), _) = assign([chosen], with_bare_pods(Inventory(), [chosen], [one]))
    return manage(assignment, Inventory(), {}, {})


def test_nothing_is_ever_applied_to_one() -> None:
    """Not in place, not at creation, not by its template: nothing would bring it back if that went wrong."""
    one = managed(lone())

    assert (False, False, False) == (one.resizes, one.creates, one.templates)
    assert "RecommendOnly" == one.quiet
    assert (
        "Pod lone has no controller and is only recommended for: nothing would bring it back if a change went wrong"
        == one.quiet_message
    )


def test_one_that_opted_out_says_that() -> None:
    """Opting out is its owner's word, and comes first."""
    assert "Ignored" == managed(lone(ignored=True)).quiet


def test_it_owns_the_pod_of_its_name_alone() -> None:
    """One made anew under the name is the same workload; one of that name which somebody owns is not."""
    one = managed(lone())

    assert one.owns(replace(lone(), uid="another"))
    assert not one.owns(lone("other"))
    assert not one.owns(replace(lone(), owner="Job/lone"))
    assert not one.owns(replace(lone(), namespace="bank"))


def test_its_status_says_why_it_keeps_its_size() -> None:
    """A pass finds it, forecasts it and writes nothing but words: what blocks its size is that it is bare."""
    objects = Objects()
    one = replace(lone(), containers=(container("app", size(64, 128)),))
    stored_policy(objects, target={"selector": {}, "barePods": True}, apply=EVERYTHING)
    with staged(objects) as stage:
        stage.forecasts.foreseen["shop", "Pod/lone"] = Foreseen({"app": forecasted([100] * 12)}, made_at_s=NOW_S * 2)
        writes = stage.run(one)
        told = objects.stored[f"{OURS}/memoryforecasts/pod-lone"]["status"]
        policies = objects.stored[POLICY]["status"]["conditions"]

    assert "RecommendOnly" == next(each["reason"] for each in policies if each["type"] == "Ready")
    assert "RecommendOnly" == told["summary"]["state"]
    assert "RecommendOnly" == told["containers"][0]["blocked"]["reason"]
    assert told["containers"][0]["wantedRequest"]
    assert not [path for _, path in writes if "memorysizes" in path or "/pods/" in path]


def test_what_is_remembered_of_one_that_has_gone() -> None:
    """A day, for its name may come again; of what has a controller, a week."""
    assert (86_400.0, 604_800.0) == (kept_s(("shop", "Pod/lone")), kept_s(("shop", "Deployment/web")))
