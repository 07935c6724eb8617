"""The rights that the operator needs, what for, and whether an account has them. Asks; writes nothing that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from foresize.commands.findings import Finding, Level
from foresize.kube.kubeapi import Api, ApiError, Forbidden

CHECK = "permissions"
REVIEWS = "/apis/authorization.k8s.io/v1"
READS = ("get", "list")
WATCHES = (*READS, "watch")
MOST_ASKED = 3
"""Namespaces that are asked about, where an operator is limited to some: their roles are made alike."""
FOR_EVICTIONS, FOR_TEMPLATES, FOR_SCALE, FOR_METRICS = "evictions", "templates", "scale", "metrics-server"
CHART_VALUE = {
    FOR_EVICTIONS: "evictions.enabled=true",
    FOR_TEMPLATES: "rbac.templates=true",
    FOR_SCALE: "rbac.scale=true",
    FOR_METRICS: "operator.metricsSource=metrics-server",
}


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on a resource (`pods/resize` for a subresource).

    Attributes:
        purpose: what does not work without it.
        part: the optional part that it belongs to; empty: it is always needed.
        clusterwide: what it is about is in no namespace.
        mild: without it the operator goes on, and knows less.
        own: only in the operator's own namespace.
        name: of the one object that it is about; empty: all.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    purpose: str
    part: str = ""
    clusterwide: bool = False
    mild: bool = False
    own: bool = False
    name: str = ""


FORESIZE = "foresize.dev"
SIZING, ROOM, REPORTS = "resizing pods", "keeping within bounds", "telling what it does"
RIGHTS: tuple[Right, ...] = (
    Right(FORESIZE, "memorypolicies", WATCHES, "reading policies"),
    Right(FORESIZE, "clustermemorypolicies", WATCHES, "reading policies of the cluster", clusterwide=True, mild=True),
    Right(FORESIZE, "memorypolicies/status", ("patch",), REPORTS),
    Right(FORESIZE, "clustermemorypolicies/status", ("patch",), REPORTS, clusterwide=True, mild=True),
    Right(FORESIZE, "memoryforecasts", (*READS, "create", "patch", "delete"), "remembering what it did"),
    Right(FORESIZE, "memoryforecasts/status", ("update",), REPORTS),
    Right(FORESIZE, "memorysizes", (*READS, "create", "update"), "sizing new pods (apply.atCreation)"),
    Right("", "pods", WATCHES, "seeing pods and their kills"),
    Right("", "pods/resize", ("patch",), SIZING),
    Right("", "pods/eviction", ("create",), "evicting pods", FOR_EVICTIONS),
    Right("", "persistentvolumeclaims", ("get",), "knowing where a pod could go", FOR_EVICTIONS),
    Right("", "persistentvolumes", ("get",), "knowing where a pod could go", FOR_EVICTIONS, clusterwide=True),
    *(
        Right("apps", kind, READS, "finding workloads")
        for kind in ("deployments", "statefulsets", "daemonsets", "replicasets")
    ),
    *(Right("batch", kind, READS, "finding workloads") for kind in ("cronjobs", "jobs")),
    *(
        Right("apps", kind, ("patch",), "writing pod templates", FOR_TEMPLATES)
        for kind in ("deployments", "statefulsets", "daemonsets")
    ),
    Right("batch", "cronjobs", ("patch",), "writing pod templates", FOR_TEMPLATES),
    *(
        Right("apps", f"{kind}/scale", ("get",), "knowing how many replicas there are")
        for kind in ("deployments", "statefulsets", "replicasets")
    ),
    *(
        Right("apps", f"{kind}/scale", ("patch",), "scaling idle workloads", FOR_SCALE)
        for kind in ("deployments", "statefulsets", "replicasets")
    ),
    Right("", "namespaces", READS, "seeing who opted out", clusterwide=True, mild=True),
    Right("", "nodes", ("list",), ROOM, clusterwide=True, mild=True),
    Right("", "limitranges", ("list",), ROOM),
    Right("", "resourcequotas", ("list",), ROOM),
    Right("autoscaling", "horizontalpodautoscalers", ("list",), "not fighting autoscalers"),
    Right("autoscaling.k8s.io", "verticalpodautoscalers", ("list",), "not fighting autoscalers"),
    Right("metrics.k8s.io", "pods", ("list",), "reading metrics-server where there is no Prometheus", FOR_METRICS),
    Right("events.k8s.io", "events", ("create",), REPORTS, mild=True),
    Right("coordination.k8s.io", "leases", ("create",), "being the one that acts", own=True),
    Right(
        "coordination.k8s.io",
        "leases",
        ("get", "update", "patch"),
        "being the one that acts",
        own=True,
        name="foresize",
    ),
    Right("", "configmaps", ("get",), "seeing the kill switch", own=True, name="foresize-kill-switch"),
)
"""All that the chart grants the operator, with what for; a test of the chart holds one against the other."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rights are asked about.

    Attributes:
        user: as the API server names it; empty: whoever asks.
        operator_namespace: where the operator is.
        namespaces: the only ones that it serves; empty: all.
    """

    user: str
    operator_namespace: str
    namespaces: Sequence[str] = ()


def check(api: Api, account: Account, wanted: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Whether the account has what it needs.

    Args:
        api: the way to the API server.
        account: whose rights.
        wanted: by optional part, the policies that ask for it.
    """
    try:
        lacking = [(right, words) for right in RIGHTS if (words := " and ".join(_denied(api, account, right)))]
    except Forbidden as error:
        return [
            Finding(
                CHECK,
                Level.UNKNOWN,
                f"whether {account.user} has its rights cannot be asked: {error.message}",
                f"ask from inside: kubectl exec --namespace {account.operator_namespace} deploy/foresize -- "
                "foresize doctor",
            )
        ]
    except ApiError as error:
        return [Finding(CHECK, Level.UNKNOWN, f"rights cannot be asked about: {error}")]
    return list(_findings(account, lacking, wanted))


def _findings(
    account: Account, lacking: Sequence[tuple[Right, str]], wanted: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    who = account.user or "this account"
    cure = "install the chart with rbac.create=true, or grant it by hand (charts/foresize/templates/clusterrole.yaml)"
    for right, words in lacking:
        if not right.part:
            level = Level.WARNING if right.mild else Level.FAILED
            yield Finding(CHECK, level, f"{who} may not {words}: needed for {right.purpose}", cure)
    for part, value in CHART_VALUE.items():
        missing = [words for right, words in lacking if right.part == part]
        if missing and wanted.get(part):
            policies = ", ".join(wanted[part][:MOST_ASKED])
            message = f"{policies} asks for {part}, but {who} may not {missing[0]}"
            yield Finding(CHECK, Level.WARNING, message, f"helm upgrade with {value}, or change the policy")
    if not any(not right.part for right, _ in lacking):
        off = [part for part in CHART_VALUE if any(right.part == part for right, _ in lacking)]
        without = f"; not granted, which is a choice of the chart: {', '.join(off)}" if off else ""
        yield Finding(CHECK, Level.OK, f"{who} may do all that is needed{without}")


def _denied(api: Api, account: Account, right: Right) -> Iterator[str]:
    """What of a right is missing, in words."""
    if right.own:
        scopes: Sequence[str] = (account.operator_namespace,)
    else:
        scopes = ("",) if right.clusterwide else account.namespaces[:MOST_ASKED] or ("",)
    for namespace in scopes:
        denied = [verb for verb in right.verbs if not _may(api, account, right, verb, namespace)]
        if denied:
            shown = f"{right.resource}.{right.group}" if right.group else right.resource
            where = f" in namespace {namespace}" if namespace else ""
            yield f"{'/'.join(denied)} {shown}{f' {right.name}' if right.name else ''}{where}"


def _may(api: Api, account: Account, right: Right, verb: str, namespace: str) -> bool:
    resource, _, sub = right.resource.partition("/")
    asked = {"group": right.group, "resource": resource, "subresource": sub, "verb": verb, "namespace": namespace}
    attributes = {name: value for name, value in {**asked, "name": right.name}.items() if value}
    kind = "SubjectAccessReview" if account.user else "SelfSubjectAccessReview"
    spec = {"resourceAttributes": attributes, **({"user": account.user} if account.user else {})}
    if account.user:
        spec["groups"] = ["system:serviceaccounts", "system:authenticated", _group_of(account.user)]
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    return bool(api.create(f"{REVIEWS}/{kind.lower()}s", body).get("status", {}).get("allowed"))


def _group_of(user: str) -> str:
    """`system:serviceaccount:NAMESPACE:NAME` is in a group of its namespace."""
    return f"system:serviceaccounts:{user.split(':')[2]}"
