"""Pod templates: written once by server-side apply where their owner says nothing of memory, and given back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from kubernetes.utils import parse_quantity

from foresize.cluster.references import find
from foresize.cluster.workloads import Workload
from foresize.config.selecting import Ref
from foresize.doors.template import give_back, write
from foresize.kube.kubeapi import connect
from foresize.kube.lease import Fence
from foresize_dev import helm, workloads
from foresize_dev.cluster import Cluster, KubectlError
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import ACCOUNT
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from foresize_forecast.resizing.templateplan import NOTHING
from foresize_forecast.sizes import Size
from proofs import deeds, see_passes
from releases import own_kubeconfig, release
from scenes import MIB, condition, past, policy, sizes

Json = dict[str, Any]
ABSENT = (None, None)


def test_a_template_is_written_once_and_its_owner_goes_first(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """One apply and one rollout; `kubectl apply` of the manifest keeps our memory, and its own goes before ours.

    Later passes, and an operator killed and started anew, write nothing more; a conflict names who wrote.
    """
    pod = _deploy(cluster, namespace, "web")
    since = cluster.audit.mark()
    cluster.apply(policy(apply={"template": True}), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url, inventory_interval="1s")
    wait_for("memory in the template", lambda: _template(cluster, namespace, "web") != ABSENT, 40)
    [born] = wait_for("the new pod", lambda: _others(cluster, namespace, pod), 40)
    assert sizes(born) == _template(cluster, namespace, "web")
    assert "10m" == born["spec"]["containers"][0]["resources"]["requests"]["cpu"]

    written = _template(cluster, namespace, "web")
    cluster.apply(_manifest("web"), namespace=namespace)
    started.kill()
    started.forget_lease()
    started.start()
    see_passes(started)
    assert written == _template(cluster, namespace, "web")

    cluster.apply(_manifest("web", request="64Mi", limit="128Mi"), namespace=namespace)
    wait_for("the conflict", lambda: condition(cluster, namespace, "Conflict").get("reason") == "TemplateOwned", 20)
    assert "for app by kubectl-client-side-apply" in condition(cluster, namespace, "Conflict")["message"]
    see_passes(started)
    assert _template(cluster, namespace, "web") == ("64Mi", "128Mi")
    assert [("deployments", "web")] == [
        (each.resource, each.name) for each in deeds(cluster, started, namespace, since) if each.code < 300
    ]


def test_a_template_whose_limit_kills_is_raised_at_once(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Nothing else would raise it where running pods are left alone: the next template has twice what killed."""
    pod = _deploy(cluster, namespace, "web")
    cluster.apply(policy(apply={"template": True}), namespace=namespace)
    operator(prometheus(history=past(pod, 60)).url, inventory_interval="1s")
    [born] = wait_for("the new pod", lambda: _others(cluster, namespace, pod), 60)
    [born] = workloads.wait_until_ready(cluster, namespace, "web")
    limit = workloads.limit_bytes(born)
    assert limit is not None
    with suppress(OSError):  # killed before it answers
        workloads.hold(born, f"{2 * limit // MIB}Mi")

    def raised() -> bool:
        written = _template(cluster, namespace, "web")[1]
        return written is not None and int(parse_quantity(written)) == 2 * limit

    wait_for("a template of twice the limit", raised, 40)


def test_templates_go_back_to_what_their_owners_wrote(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Absent memory is absent again; what was taken by force has its old values, and its owner meets no conflict."""
    absent, owned = _deploy(cluster, namespace, "web"), _deploy(cluster, namespace, "db", request="64Mi", limit="128Mi")
    cluster.apply(
        policy("p", "web", apply={"template": True}),
        policy("q", "db", apply={"template": True, "templateForce": True}),
        namespace=namespace,
    )
    started = operator(prometheus(history=past(absent, 200) + past(owned, 200)).url)
    wait_for("memory where there was none", lambda: _template(cluster, namespace, "web") != ABSENT, 40)
    wait_for("another's overwritten", lambda: _template(cluster, namespace, "db") != ("64Mi", "128Mi"), 40)
    cluster.kubectl("delete", "memorypolicies", "--all", "-n", namespace)
    see_passes(started, 2)

    code, words = release(cluster, "--all", "-n", namespace)
    assert code == 0, words
    assert _template(cluster, namespace, "web") == ABSENT
    assert _template(cluster, namespace, "db") == ("64Mi", "128Mi")
    item = _item(cluster, namespace, "db")
    assert "foresize.dev/template-before" not in item["metadata"].get("annotations", {})
    assert "foresize" not in {each["manager"] for each in item["metadata"]["managedFields"]}
    theirs = _manifest("db", request="96Mi", limit="192Mi")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/db?fieldManager=gitops"
    cluster.api.request("PATCH", path, theirs, "application/apply-patch+yaml")
    assert _template(cluster, namespace, "db") == ("96Mi", "192Mi")


@pytest.mark.usefixtures("chart")
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "CronJob"])
def test_every_kind_is_written_once_and_given_back(cluster: Cluster, namespace: str, kind: str) -> None:
    """With the operator's rights, a sidecar too. The same sizes again make no new generation: no pod is replaced."""
    manifest = _of_kind(kind, workloads.deployment("web", Memhog({"HOLD": "20Mi"}))["spec"]["template"])
    cluster.apply(manifest, namespace=namespace)
    api, ref = connect(str(own_kubeconfig(cluster))), Ref(manifest["apiVersion"], kind, "web")
    always, sizes = Fence(lambda: True), {"app": Size(64 * MIB, 96 * MIB), "proxy": Size(16 * MIB, None)}

    def found() -> Workload:
        read = find(api, namespace, ref)
        assert isinstance(read, Workload)
        return read

    assert write(api, always, found(), sizes, force=False) is None
    assert (found().template, found().templated) == (sizes, True)
    generation = _generation(cluster, namespace, manifest)
    assert write(api, always, found(), sizes, force=False) is None
    assert generation == _generation(cluster, namespace, manifest)
    assert give_back(api, always, found()) is None
    assert (set(found().template.values()), found().templated) == ({NOTHING}, False)


def _of_kind(kind: str, template: Json) -> Json:
    """A workload that makes no pods."""
    proxy = Memhog({"HOLD": "1Mi"}, container="proxy").spec()
    template["spec"]["initContainers"] = [proxy | {"restartPolicy": "Always"}]
    template["spec"]["nodeSelector"] = {"example.com/none": "here"}
    labels = {"matchLabels": template["metadata"]["labels"]}
    spec: Json = {"selector": labels, "template": template}
    if kind in {"Deployment", "StatefulSet"}:
        spec["replicas"] = 0
    if kind == "CronJob":
        template["spec"]["restartPolicy"] = "Never"
        spec = {"schedule": "@yearly", "jobTemplate": {"spec": {"template": template}}}
    version = "batch/v1" if kind == "CronJob" else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def _generation(cluster: Cluster, namespace: str, manifest: Json) -> int:
    plural = f"{manifest['kind'].lower()}s"
    found: Json = cluster.api.get(f"/apis/{manifest['apiVersion']}/namespaces/{namespace}/{plural}/web")
    return int(found["metadata"]["generation"])


FORBIDDEN: list[Json] = [
    {"spec": {"replicas": 2}},
    {"metadata": {"labels": {"app": "other"}}},
    {"metadata": {"annotations": {"example.com/note": "x"}}},
    {"spec": {"template": {"metadata": {"annotations": {"example.com/note": "x"}}}}},
    {"spec": {"template": {"spec": {"serviceAccountName": "admin"}}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "evil"}]}}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "app", "command": ["sh"]}]}}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "1"}}}]}}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "more", "image": "evil"}]}}}},
    {"spec": {"template": {"spec": {"initContainers": [{"name": "more", "image": "evil"}]}}}},
]


def test_the_operators_account_may_change_memory_only(cluster: Cluster, chart: str, namespace: str) -> None:
    """Its token, in other hands, changes no image, command, account or replica count of any workload."""
    del chart  # installed, which is all that is wanted
    cluster.apply(_manifest("web"), namespace=namespace)
    for patch in FORBIDDEN:
        with pytest.raises(KubectlError, match="the operator of Foresize may change no"):
            _patch_as_operator(cluster, namespace, patch)
    job = workloads.deployment("web", Memhog({"HOLD": "20Mi"}))["spec"]["template"]
    job["spec"]["restartPolicy"] = "Never"
    nightly = {"schedule": "@yearly", "jobTemplate": {"spec": {"template": job}}}
    cluster.apply(
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web"}, "spec": nightly}, namespace=namespace
    )
    for spec in ({"schedule": "@daily"}, {"jobTemplate": {"spec": {"backoffLimit": 3}}}):
        with pytest.raises(KubectlError, match="the operator of Foresize may change no"):
            _patch_as_operator(cluster, namespace, {"spec": spec}, "cronjob/web")
    memory = {"containers": [{"name": "app", "resources": {"limits": {"memory": "1Gi"}}}]}
    _patch_as_operator(cluster, namespace, {"spec": {"template": {"spec": memory}}})
    deeper = {"jobTemplate": {"spec": {"template": {"spec": memory}}}}
    _patch_as_operator(cluster, namespace, {"spec": deeper}, "cronjob/web")


def _patch_as_operator(cluster: Cluster, namespace: str, patch: Json, what: str = "deployment/web") -> None:
    user = f"system:serviceaccount:{helm.NAMESPACE}:{ACCOUNT}"
    words = ("patch", what, "-n", namespace, "--as", user, "--dry-run=server", "-p", json.dumps(patch))
    cluster.kubectl(*words)


def _manifest(name: str, **memhog: str) -> Json:
    """A Deployment whose owner asks for CPU, and for memory where it is given."""
    manifest = workloads.deployment(name, Memhog({"HOLD": "40Mi"}, **memhog))
    resources = manifest["spec"]["template"]["spec"]["containers"][0]["resources"]
    resources.setdefault("requests", {})["cpu"] = "10m"
    return manifest


def _deploy(cluster: Cluster, namespace: str, name: str, **memhog: str) -> Json:
    cluster.apply(_manifest(name, **memhog), namespace=namespace)
    pod: Json = workloads.wait_until_ready(cluster, namespace, name)[0]
    return pod


def _item(cluster: Cluster, namespace: str, name: str) -> Json:
    found: Json = cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    return found


def _template(cluster: Cluster, namespace: str, name: str) -> tuple[str | None, str | None]:
    return sizes(_item(cluster, namespace, name)["spec"]["template"])


def _others(cluster: Cluster, namespace: str, than: Json) -> list[Json]:
    """The pod that has taken the place of another."""
    found = workloads.pods(cluster, namespace, "web")
    return found if than["metadata"]["uid"] not in {each["metadata"]["uid"] for each in found} else []
