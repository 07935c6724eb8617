"""What the operator's ServiceAccount may do, and what its container may not."""

from collections.abc import Callable
from itertools import product
from typing import Any

from foresize.commands.rights import RIGHTS

Json = dict[str, Any]
Render = Callable[..., list[Json]]
WRITES = {"create", "update", "patch", "delete"}


def rules(manifests: list[Json], kind: str, name: str = "foresize") -> list[Json]:
    """The rules of one role."""
    [role] = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    found: list[Json] = role["rules"]
    return found


def granted(of: list[Json]) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of all rules."""
    return {right for rule in of for right in product(rule["apiGroups"], rule["resources"], rule["verbs"])}


def test_no_wildcards(render: Render) -> None:
    """Every right is named: no role has a `*`."""
    for manifest in render({"rbac": {"extraWorkloads": [{"apiGroup": "argoproj.io", "resources": ["rollouts"]}]}}):
        for rule in manifest.get("rules", []):
            assert "*" not in "".join(rule["apiGroups"] + rule["resources"] + rule["verbs"])


def test_of_workloads_only_the_size_of_pods_is_written(render: Render) -> None:
    """Outside its own kinds and Events the operator can change the size of running pods, and nothing else at all."""
    writes = {right for right in granted(rules(render(), "ClusterRole")) if right[2] in WRITES}
    others = {right for right in writes if right[0] != "foresize.dev" and right[1] != "events"}

    assert others == {("", "pods/resize", "patch")}
    assert {right for right in writes if "policies" in right[1]} == {
        ("foresize.dev", f"{kind}/status", "patch") for kind in ("memorypolicies", "clustermemorypolicies")
    }


def test_templates_are_written_by_order_only(render: Render) -> None:
    """rbac.templates adds the right to patch the kinds whose pods follow a template, and nothing else."""
    more = granted(rules(render({"rbac": {"templates": True}}), "ClusterRole"))

    assert more - granted(rules(render(), "ClusterRole")) == {
        ("apps", "deployments", "patch"),
        ("apps", "statefulsets", "patch"),
        ("apps", "daemonsets", "patch"),
        ("batch", "cronjobs", "patch"),
    }


def test_workloads_are_scaled_by_order_only(render: Render) -> None:
    """rbac.scale adds the right to change how many replicas a workload has, and nothing else of it."""
    more = granted(rules(render({"rbac": {"scale": True}}), "ClusterRole"))

    assert more - granted(rules(render(), "ClusterRole")) == {
        ("apps", f"{kind}/scale", "patch") for kind in ("deployments", "statefulsets", "replicasets")
    }


def test_the_right_to_templates_comes_with_its_bound(render: Render) -> None:
    """Whoever has the operator's token may change memory in templates, not images: the API server refuses it."""
    assert not [each for each in render() if each["kind"].startswith("Validating")]
    guarded = {each["kind"]: each for each in render({"rbac": {"templates": True}})}

    policy, binding = guarded["ValidatingAdmissionPolicy"]["spec"], guarded["ValidatingAdmissionPolicyBinding"]["spec"]
    guarded_kinds = {each for rule in policy["matchConstraints"]["resourceRules"] for each in rule["resources"]}
    assert (policy["failurePolicy"], binding["validationActions"]) == ("Fail", ["Deny"])
    assert guarded_kinds == {"deployments", "statefulsets", "daemonsets", "cronjobs"}
    assert "'system:serviceaccount:foresize:foresize'" in policy["matchConditions"][0]["expression"]


def test_evictions_are_a_right_of_their_own(render: Render) -> None:
    """The right to evict comes with evictions.enabled only, and with it two reads: where volumes can be reached."""
    more = rules(render({"evictions": {"enabled": True}}), "ClusterRole")

    assert granted(more) - granted(rules(render(), "ClusterRole")) == {
        ("", "pods/eviction", "create"),
        ("", "persistentvolumeclaims", "get"),
        ("", "persistentvolumes", "get"),
    }


def test_doctor_asks_for_what_the_chart_grants(render: Render) -> None:
    """The table of rights in commands/rights.py has each right of the chart with what it is for, and no other."""
    manifests = render({"evictions": {"enabled": True}, "rbac": {"templates": True, "scale": True}})
    roles = {own: rules(manifests, "Role" if own else "ClusterRole") for own in (False, True)}
    asked = {
        own: {(each.group, each.resource, verb) for each in RIGHTS if each.own is own for verb in each.verbs}
        for own in roles
    }

    assert asked == {own: granted(of) for own, of in roles.items()}


def test_nothing_secret_is_read(render: Render) -> None:
    """The operator reads no Secret, and of ConfigMaps only the kill switch of its own namespace."""
    manifests = render()
    cluster_wide = {resource for _, resource, _ in granted(rules(manifests, "ClusterRole"))}
    own = rules(manifests, "Role")
    [switch] = [rule for rule in own if "configmaps" in rule["resources"]]

    assert not cluster_wide & {"secrets", "configmaps"}
    assert "secrets" not in {resource for _, resource, _ in granted(own)}
    assert (switch["resourceNames"], switch["verbs"]) == (["foresize-kill-switch"], ["get"])


def test_further_kinds_are_read_only(render: Render) -> None:
    """A kind added for policies to name can be read with its scale, and no more."""
    more = render({"rbac": {"extraWorkloads": [{"apiGroup": "argoproj.io", "resources": ["rollouts"]}]}})

    assert granted(rules(more, "ClusterRole")) - granted(rules(render(), "ClusterRole")) == {
        ("argoproj.io", "rollouts", "get"),
        ("argoproj.io", "rollouts/scale", "get"),
    }


def test_editors_of_a_namespace_may_write_policies(render: Render) -> None:
    """Who may edit a namespace may edit its policies, and only look at what the operator writes."""
    edit = granted(rules(render(), "ClusterRole", "foresize-edit"))

    assert {resource for _, resource, _ in edit} == {"memorypolicies"}
    assert not {verb for _, _, verb in granted(rules(render(), "ClusterRole", "foresize-view"))} & WRITES


def test_the_container_is_restricted(render: Render) -> None:
    """The operator runs under the restricted Pod Security Standard, with a root that cannot be written to."""
    [deployment] = [each for each in render() if each["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}]
    assert container["resources"]["limits"].keys() == {"memory"}
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_rights_end_where_the_operators_namespaces_end(render: Render) -> None:
    """With operator.namespaces the account may write there only; elsewhere it may read what has no namespace."""
    values: Json = {"operator": {"namespaces": ["shop", "web"]}}
    manifests = render(values)
    bound = {
        (each["kind"], each["metadata"].get("namespace", ""), each["roleRef"]["kind"], each["roleRef"]["name"])
        for each in manifests
        if each["kind"].endswith("Binding") and "roleRef" in each
    }

    assert bound == {
        ("ClusterRoleBinding", "", "ClusterRole", "foresize-cluster"),
        ("RoleBinding", "shop", "ClusterRole", "foresize"),
        ("RoleBinding", "web", "ClusterRole", "foresize"),
        ("RoleBinding", "foresize", "Role", "foresize"),
    }
    everywhere = granted(rules(manifests, "ClusterRole", "foresize-cluster"))
    assert everywhere == {("", "namespaces", "get"), ("", "namespaces", "list"), ("", "nodes", "list")}
    evicting = granted(rules(render({**values, "evictions": {"enabled": True}}), "ClusterRole", "foresize-cluster"))
    assert evicting - everywhere == {("", "pods", "list"), ("", "persistentvolumes", "get")}


def test_a_binding_is_not_changed_but_replaced(render: Render) -> None:
    """Kubernetes refuses to change what a binding binds: an upgrade to some namespaces makes one of another name."""
    names = {
        one: [each["metadata"]["name"] for each in render(values) if each["kind"] == "ClusterRoleBinding"]
        for one, values in (("all", {}), ("some", {"operator": {"namespaces": ["shop"]}}))
    }

    assert not set(names["all"]) & set(names["some"])
