"""The template door and what leads to it, against a server of objects: intent first, one apply, told when refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from apiserver import Answer, Request, serving, status
from builders import NOW_S, pod, size
from foresize.cluster.ownership import BEFORE
from foresize.cluster.workloads import Workload, read
from foresize.doors.template import APPLY, give_back, write
from foresize.kube.lease import Fence
from foresize.passes.managed import Managed
from foresize.passes.senses import Senses
from foresize.reporting.forecasts import Look
from foresize_forecast.deciding.state import TemplateWrite
from foresize_forecast.moving.disruption import Disruption, Window, no_rollout
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.templateplan import NOTHING, Held
from objectserver import Objects
from stage import FORECAST, Stage, deployment, policy, staged

DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/web"
OPEN = Fence(lambda: True)
Json = dict[str, Any]


def bare(objects: Objects) -> None:
    """A Deployment whose manifest says nothing of memory, but of CPU."""
    deployment(objects)
    container = objects.stored[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "50m"}}


def applies(objects: Objects) -> list[Request]:
    """What was asked of the Deployment."""
    return [each for each in objects.requests if each.path == DEPLOYMENT and each.method == "PATCH"]


def looked(stage: Stage) -> tuple[Managed, Look]:
    """Deployment web with a forecast of 200 MiB, and a pod that runs."""
    stage.foresee("web", 200)
    stage.run(pod(created_s=NOW_S - 40 * 86_400.0))
    one = stage.acts.scene.managed["shop", "Deployment/web"]
    look = stage.attendant.attend(one, lambda: tuple(stage.watch.pods), Senses(foreseen=_foreseen(stage)), NOW_S)
    return one, look


def _foreseen(stage: Stage) -> Any:
    return stage.forecasts.foreseen["shop", "Deployment/web"]


def test_the_intent_is_written_before_the_template() -> None:
    """An operator that dies in between finds that it was about to; the write bears our name and nothing but memory."""
    objects, seen = Objects(), []
    bare(objects)
    policy(objects, apply={"template": True})

    def note(request: Request) -> None:
        if request.path == DEPLOYMENT and request.method == "PATCH":
            seen.append(objects.stored[FORECAST]["status"]["state"]["template"])

    objects.refuse = note
    with staged(objects) as stage:
        looked(stage)

    [patch] = applies(objects)
    [intent] = seen
    assert {"at"} == intent.keys()
    assert (APPLY, "foresize", None) == (patch.content_type, patch.query["fieldManager"], patch.query.get("force"))
    assert {"name": "web", "namespace": "shop", "uid": objects.stored[DEPLOYMENT]["metadata"]["uid"]} == patch.body[
        "metadata"
    ]
    [container] = patch.body["spec"]["template"]["spec"]["containers"]
    assert {"name", "resources"} == container.keys()
    assert {"memory"} == container["resources"]["requests"].keys()


def test_a_conflict_is_told_with_its_author_and_not_forced() -> None:
    """The API server's words are in the status, and it is not asked again for an hour."""
    objects = Objects()
    bare(objects)
    policy(objects, apply={"template": True})
    words = 'Apply failed with 1 conflict: conflict with "helm" using apps/v1'
    objects.refuse = lambda request: (
        status(409, words) if request.path == DEPLOYMENT and request.method == "PATCH" else None
    )
    with staged(objects) as stage:
        one, _ = looked(stage)
        assert 1 == len(applies(objects))
        refused = stage.records.state(one.key).template
        assert refused is not None
        assert (words, False) == (refused.message, refused.done)
        _, look = looked(stage)

    assert 1 == len(applies(objects))
    del look
    conflicts = objects.stored["/apis/foresize.dev/v1alpha1/namespaces/shop/memorypolicies/web"]["status"]["conditions"]
    [conflict] = [each for each in conflicts if each["type"] == "Conflict"]
    assert ("True", "TemplateRefused", words) == (conflict["status"], conflict["reason"], conflict["message"])


def test_anothers_memory_is_not_touched() -> None:
    """The owner's manifest has memory: no write, and the status names him."""
    objects = Objects()
    deployment(objects)
    policy(objects, apply={"template": True})
    with staged(objects) as stage:
        looked(stage)

    assert [] == applies(objects)
    [row] = objects.stored[FORECAST]["status"]["containers"]
    assert str(Obstacle.TEMPLATE_OWNED) == row["blocked"]["reason"]


def test_a_rollout_is_a_disruption() -> None:
    """Where a policy's budget is nothing, its templates stay as they are, and say why."""
    objects = Objects()
    bare(objects)
    policy(objects, apply={"template": True}, disruption={"evictionsPerHour": 0})
    with staged(objects) as stage:
        one, look = looked(stage)
        told = stage.acts._templater.attend(one, look, NOW_S)  # noqa: SLF001 - the part under test

    assert [] == applies(objects)
    words = "0 of 0 evictions and rollouts an hour of its policy are spent"
    assert Blocked(Obstacle.TEMPLATE_WAITS, words) == told.template


def test_a_rollout_waits_for_a_window() -> None:
    """NOW_S is a Friday at eight; the window opens on Sundays."""
    sundays = Disruption(windows=(Window(start_minute=0, duration_s=3600, days=frozenset({6})),))

    held = no_rollout(("shop", "Deployment/web"), "p", sundays, [], NOW_S)
    assert held is not None
    assert "WindowClosed" == held.reason
    assert no_rollout(("shop", "Deployment/web"), "p", sundays, [], NOW_S + (40 + 0.5) * 3600) is None


def test_a_rollout_counts_in_the_hours_budget() -> None:
    """The next eviction or rollout of the policy finds it spent."""
    objects = Objects()
    bare(objects)
    policy(objects, apply={"template": True}, disruption={"evictionsPerHour": 1})
    with staged(objects) as stage:
        one, _ = looked(stage)
        [past] = stage.records.disruptions()

    assert 1 == len(applies(objects))
    assert (one.key, one.policy.uid, "Template") == (past.key, past.policy, past.eviction.cause)
    held = no_rollout(
        ("shop", "Deployment/other"), one.policy.uid, one.policy.disruption, [past], past.eviction.at_s + 60
    )
    assert held is not None
    assert no_rollout(one.key, one.policy.uid, one.policy.disruption, [past], past.eviction.at_s + 60) is None


def test_without_the_lease_nothing_is_written() -> None:
    """The fence is asked before the intent is."""
    objects = Objects()
    bare(objects)
    policy(objects, apply={"template": True})
    with staged(objects) as stage:
        one, look = looked(stage)
        count = len(applies(objects))
        stage.held = False
        late = replace(look, review=replace(look.review, state=replace(look.review.state, template=None)))
        told = stage.acts._templater.attend(one, late, NOW_S)  # noqa: SLF001 - the part under test

    assert count == len(applies(objects))
    assert Blocked(Obstacle.FENCED, "another operator holds the lease") == told.template


def workload(objects: Objects, **changes: Any) -> Workload:
    """Deployment web as it is read."""
    item = objects.stored[DEPLOYMENT]
    return replace(read(item, "Deployment"), **changes)


def test_the_way_back_is_what_the_owner_wrote() -> None:
    """Not what we did: absent memory is absent in the status, overwritten memory is the old one."""
    objects = Objects()
    deployment(objects)
    applied = {"f:requests": {"f:memory": {}}}
    fields = {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:resources": applied}}}}}
    objects.stored[DEPLOYMENT]["metadata"]["managedFields"] = [
        {"manager": "foresize", "operation": "Apply", "fieldsV1": {"f:spec": fields}}
    ]

    assert {"app": NOTHING} == workload(objects).owners
    assert {"app": size(1, 2)} == workload(objects, before={"app": size(1, 2)}).owners
    del objects.stored[DEPLOYMENT]["metadata"]["managedFields"]
    assert {"app": size(64, 128)} == workload(objects).owners


def test_a_forced_write_remembers_what_stood_there() -> None:
    """In the same apply, once: a second one does not take our own size for the owner's."""
    objects = Objects()
    deployment(objects)
    with serving(objects.answer) as api:
        write(api, OPEN, workload(objects), {"app": size(200, 300)}, force=True)
        known = workload(objects, before={"app": size(64, 128)}, held={})
        write(api, OPEN, known, {"app": size(250, 300)}, force=True)

    first, second = applies(objects)
    assert "true" == first.query["force"]
    assert {"app": {"request": "64Mi", "limit": "128Mi"}} == json.loads(first.body["metadata"]["annotations"][BEFORE])
    assert first.body["metadata"]["annotations"] == second.body["metadata"]["annotations"]


def test_what_was_absent_is_given_back_by_an_apply_of_nothing() -> None:
    """The API server then takes our fields out, and the annotation with them."""
    objects = Objects()
    bare(objects)
    with serving(objects.answer) as api:
        assert give_back(api, OPEN, workload(objects)) is None

    [patch] = applies(objects)
    assert {"apiVersion", "kind", "metadata"} == patch.body.keys()
    assert "annotations" not in patch.body["metadata"]


def test_what_was_overwritten_is_given_back_and_disowned() -> None:
    """The owner's values, and then our name taken from them: his next apply meets no conflict.

    A controller's write in between is no obstacle; until all is done, what stood there is still written beside it.
    """
    objects, refusals = Objects(), [status(422, "the server rejected our request due to an error in our request")]
    deployment(objects)
    mine = {"manager": "foresize", "operation": "Apply"}
    objects.stored[DEPLOYMENT]["metadata"]["managedFields"] = [mine, {"manager": "helm", "operation": "Update"}]
    with serving(objects.answer) as api:
        objects.refuse = lambda request: _overtaken(request, refusals)
        ours = workload(objects, before={"app": size(64, 128)}, held={"app": Held(size(200, 300))})
        assert give_back(api, OPEN, ours) is None

    apply, _, disown = applies(objects)
    assert {"app": {"request": "64Mi", "limit": "128Mi"}} == json.loads(apply.body["metadata"]["annotations"][BEFORE])
    [container] = apply.body["spec"]["template"]["spec"]["containers"]
    assert {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}} == container["resources"]
    assert [{"manager": "helm", "operation": "Update"}] == disown.body[1]["value"]
    assert {"op": "remove", "path": "/metadata/annotations/foresize.dev~1template-before"} == disown.body[2]


def test_what_its_owner_took_again_is_his() -> None:
    """He has written memory since we had overwritten it: what stood there long ago does not come back."""
    objects = Objects()
    deployment(objects)
    theirs = workload(objects, before={"app": size(1, 2)}, held={"app": Held(size(64, 128), "helm")})
    with serving(objects.answer) as api:
        assert give_back(api, OPEN, theirs) is None

    [patch] = applies(objects)
    assert "spec" not in patch.body


def _overtaken(request: Request, refusals: list[Answer]) -> Answer | None:
    """Refuses JSON patches as long as there are refusals, and takes them then."""
    if not isinstance(request.body, list):
        return None
    return refusals.pop() if refusals else (200, {})


def test_a_cronjob_is_written_where_its_pods_are() -> None:
    """Two levels deeper, in batch/v1, sidecars among the init containers."""
    objects = Objects()
    deployment(objects)
    nightly = workload(objects, api_version="batch/v1", kind="CronJob", sidecars=frozenset({"proxy"}))
    with serving(objects.answer) as api:
        write(api, OPEN, nightly, {"app": size(1, 2), "proxy": size(3, 4)}, force=False)

    [patch] = [each for each in objects.requests if each.method == "PATCH"]
    assert "/apis/batch/v1/namespaces/shop/cronjobs/web" == patch.path
    assert ("batch/v1", "CronJob") == (patch.body["apiVersion"], patch.body["kind"])
    pod = patch.body["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert (["app"], ["proxy"]) == tuple(
        [each["name"] for each in pod[part]] for part in ("containers", "initContainers")
    )


def test_the_doors_of_a_closed_fence() -> None:
    """Neither way is anything sent."""
    objects = Objects()
    bare(objects)
    closed = Fence(lambda: False)
    with serving(objects.answer) as api:
        for refused in (
            write(api, closed, workload(objects), {"app": size(1, 2)}, force=False),
            give_back(api, closed, workload(objects)),
        ):
            assert refused is not None
            assert refused.fenced

    assert [] == applies(objects)


def test_an_unfinished_write_is_finished() -> None:
    """An intent without an outcome in the memory of the last operator: sent again."""
    objects = Objects()
    bare(objects)
    policy(objects, apply={"template": True})
    with staged(objects) as stage:
        one, _ = looked(stage)
        state = replace(stage.records.state(one.key), template=TemplateWrite(NOW_S))
        stage.records.keep(one.key, state)
        looked(stage)

    assert 2 == len(applies(objects))
