"""What `foresize doctor` looks at in the cluster, one check a function: reads only, and what is wrong is a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foresize.cluster import nodes
from foresize.commands.findings import Finding, Level
from foresize.config.policy import CLUSTER_SCOPED, DEFAULTS
from foresize.config.quantities import instant_s
from foresize.kube.kubeapi import Api, ApiError, Forbidden, NotFound
from foresize.kube.lease import KILL_SWITCH, LEASE
from foresize.sources.metricsserver import METRICS

Json = dict[str, Any]
GROUP_VERSION = "foresize.dev/v1alpha1"
KINDS = ("memorypolicies", "clustermemorypolicies", "memoryforecasts", "memorysizes")
LABELLED = "app.kubernetes.io/name=foresize"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
TO_RESIZE, TO_LOWER_LIMITS, TO_SIZE_BY_POLICY = (1, 33), (1, 34), (1, 36)
LEASE_STALE_S = 120.0
"""Of the clock here against the operator's: they may differ by some seconds, and a lease lasts for 15."""
MOST_NAMED = 3
VERSION = re.compile(r"v?(\d+)\.(\d+)")


def metrics_server(api: Api, *, meant: bool) -> Finding:
    """Whether it answers, where it is asked instead of a Prometheus."""
    cure = "helm upgrade with prometheus.url=http://prometheus.monitoring:9090, the address in front of /api/v1"
    try:
        api.list(f"{METRICS}/pods", limit="1")
    except ApiError as error:
        words = "no Prometheus is set, and metrics-server does not answer: nothing is forecast, nothing is lowered"
        return Finding("metrics-server", Level.FAILED, f"{words} ({error})", cure)
    words = "it answers; the operator keeps what it tells in memory, and after a restart lowers nothing for 24 hours"
    if meant:
        return Finding("metrics-server", Level.OK, words)
    words = "no Prometheus is set: metrics-server is read to recommend and to raise, and nothing is lowered"
    cure = f"{cure}; or operator.metricsSource=metrics-server, if that is meant"
    return Finding("metrics-server", Level.WARNING, words, cure)


def server(api: Api) -> list[Finding]:
    """Whether the API server answers, and what it runs.

    Raises:
        ApiError: it does not answer; nothing else can be looked at.
    """
    name = api.get("/version").get("gitVersion", "")
    found = VERSION.match(name)
    version = (int(found[1]), int(found[2])) if found else TO_RESIZE
    if version < TO_RESIZE:
        cure = "upgrade the cluster; until then policies can recommend, and size new pods by the webhook"
        return [Finding("API server", Level.FAILED, f"Kubernetes {name} does not resize pods: 1.33 does", cure)]
    if version < TO_LOWER_LIMITS:
        words = f"Kubernetes {name} resizes pods, but lowers no memory limit in place: 1.34 does"
        return [Finding("API server", Level.WARNING, words, "upgrade the cluster, or leave limits alone (Keep)")]
    return [Finding("API server", Level.OK, f"Kubernetes {name}")]


def resize(api: Api) -> Iterator[Finding]:
    """Whether API server and kubelets resize pods in place."""
    known = {each["name"] for each in api.get("/api/v1").get("resources") or []}
    if "pods/resize" not in known:
        cure = "enable the feature gate InPlacePodVerticalScaling of the API server"
        yield Finding("resize", Level.FAILED, "the API server has no pods/resize: no running pod can be resized", cure)
        return
    try:
        listed = api.list("/api/v1/nodes")
    except ApiError as error:
        yield Finding("resize", Level.UNKNOWN, f"pods/resize is there; nodes cannot be read: {error.message}")
        return
    cannot = [(node["metadata"]["name"], why) for node in listed if (why := nodes.cannot_resize(node))]
    if cannot:
        names = ", ".join(name for name, _ in cannot[:MOST_NAMED])
        level = Level.FAILED if len(cannot) == len(listed) else Level.WARNING
        words = f"{len(cannot)} of {len(listed)} nodes cannot resize pods ({names}): {cannot[0][1]}"
        yield Finding("resize", level, words, "upgrade those nodes; their pods are sized when they are created")
    else:
        yield Finding("resize", Level.OK, f"pods/resize is there, and all {len(listed)} nodes follow it")


def crds(api: Api) -> Iterator[Finding]:
    """Whether the kinds are there, and have every field that this program reads."""
    cure = "kubectl apply --server-side -f crds/ of this version, or helm upgrade with crds.enabled=true"
    try:
        served = {each["name"] for each in api.get(f"/apis/{GROUP_VERSION}").get("resources") or []}
    except NotFound:
        yield Finding("CRDs", Level.FAILED, f"the API server has no {GROUP_VERSION}: no policy can be written", cure)
        return
    if missing := [kind for kind in KINDS if kind not in served]:
        yield Finding("CRDs", Level.FAILED, f"of {GROUP_VERSION} are missing: {', '.join(missing)}", cure)
        return
    try:
        schemas = api.get(f"/openapi/v3/apis/{GROUP_VERSION}").get("components", {}).get("schemas", {})
    except ApiError as error:
        yield Finding("CRDs", Level.UNKNOWN, f"{GROUP_VERSION} is there; its fields cannot be read: {error.message}")
        return
    wrong = [words for kind in ("MemoryPolicy", CLUSTER_SCOPED) for words in _outdated(schemas, kind)]
    if wrong:
        words = f"the CRDs are of another version than this program: {'; '.join(wrong[:MOST_NAMED])}"
        yield Finding("CRDs", Level.FAILED, words, cure)
    else:
        yield Finding("CRDs", Level.OK, f"{GROUP_VERSION} with all four kinds, and every field that is read")


def _outdated(schemas: Mapping[str, Json], kind: str) -> Iterator[str]:
    named = [schema for name, schema in schemas.items() if name.endswith(f".{kind}")]
    if not named:
        yield f"{kind} has no schema"
        return
    for path, default in DEFAULTS.items():
        field = _field(named[0], path)
        if field is None:
            yield f"{kind} has no {path}"
        elif "default" in field and not isinstance(default, list) and field["default"] != default:
            yield f"{kind}'s {path} is {field['default']!r} by default, not {default!r}"


def _field(schema: Json, path: str) -> Json | None:
    """The schema of `spec.containers[].min`."""
    for step in path.split("."):
        inner = schema.get("properties", {}).get(step.removesuffix("[]"))
        if inner is None:
            return None
        schema = inner.get("items", {}) if step.endswith("[]") else inner
    return schema


def admission(api: Api) -> Iterator[Finding]:
    """Whether new pods are sized at their creation."""
    cure = "helm upgrade with admission.mode=auto; without it apply.atCreation has no effect"
    found: list[str] = []
    for plural, what in (
        ("mutatingadmissionpolicies", "by a MutatingAdmissionPolicy, inside the API server"),
        ("mutatingwebhookconfigurations", "by the webhook"),
    ):
        try:
            items = api.list(f"{ADMISSION}/{plural}", labelSelector=LABELLED)
        except NotFound:
            continue  # an older API server has no such kind
        except ApiError as error:
            words = f"how new pods are sized cannot be read: {error.message}"
            yield Finding("admission", Level.UNKNOWN, words, "ask as one who may read admission configurations")
            return
        for item in items:
            why = _out_of_order(api, plural, item)
            if why:
                yield Finding("admission", Level.FAILED, f"{item['metadata']['name']}: {why}", cure)
                return
            found.append(what)
    if found:
        yield Finding("admission", Level.OK, f"new pods are sized {' and '.join(found)}")
    else:
        yield Finding("admission", Level.WARNING, "nothing sizes new pods: they get their templates' sizes", cure)


def _out_of_order(api: Api, plural: str, item: Json) -> str:
    """Why what should size new pods does not; empty where nothing is wrong with it."""
    name = item["metadata"]["name"]
    if plural == "mutatingadmissionpolicies":
        bound = api.list(f"{ADMISSION}/mutatingadmissionpolicybindings")
        used = any(each.get("spec", {}).get("policyName") == name for each in bound)
        return "" if used else "the policy has no binding, so it does nothing"
    for hook in item.get("webhooks") or []:
        client = hook.get("clientConfig", {})
        if not client.get("caBundle"):
            return "the API server was not told its certificate's authority (caBundle is empty): does the webhook run?"
        if (service := client.get("service")) and not _has_endpoints(api, service):
            return f"no pod of Service {service['namespace']}/{service['name']} is ready"
    return ""


def _has_endpoints(api: Api, service: Json) -> bool:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{service['namespace']}/endpointslices"
    slices = api.list(path, labelSelector=f"kubernetes.io/service-name={service['name']}")
    points = [point for each in slices for point in each.get("endpoints") or []]
    return any((point.get("conditions") or {}).get("ready", True) for point in points)


def kill_switch(api: Api, namespace: str) -> Finding:
    """Whether all writes to workloads are stopped."""
    try:
        data = api.get(f"/api/v1/namespaces/{namespace}/configmaps/{KILL_SWITCH}").get("data") or {}
    except NotFound:
        return Finding("kill switch", Level.OK, "off")
    except ApiError as error:
        return Finding("kill switch", Level.UNKNOWN, f"cannot be read: {error.message}")
    if str(data.get("stop", "")).lower() != "true":
        return Finding("kill switch", Level.OK, f"off: ConfigMap {namespace}/{KILL_SWITCH} does not say stop=true")
    cure = f"when you are ready: kubectl delete configmap {KILL_SWITCH} --namespace {namespace}"
    words = f"on: ConfigMap {namespace}/{KILL_SWITCH} stops all writes to workloads"
    return Finding("kill switch", Level.WARNING, words, cure)


def operator(api: Api, namespace: str, deployment: Json | None, now_s: float) -> Finding:
    """Whether an operator runs, by the Lease that it renews."""
    try:
        spec = api.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}").get("spec") or {}
    except NotFound:
        spec = {}
    except Forbidden as error:
        return Finding("operator", Level.UNKNOWN, f"its Lease cannot be read: {error.message}")
    renewed_s = instant_s(spec.get("renewTime"))
    holder = spec.get("holderIdentity")
    if holder and renewed_s is not None and now_s - renewed_s < LEASE_STALE_S:
        return Finding(
            "operator", Level.OK, f"{holder} acts, and renewed its Lease {max(0, now_s - renewed_s):.0f} s ago"
        )
    if deployment is None:
        words = f"no operator acts, and namespace {namespace} has no Deployment of one"
        cure = "is it another namespace (--operator-namespace)? Else install the chart"
        return Finding("operator", Level.FAILED, words, cure)
    status, name = deployment.get("status", {}), deployment["metadata"]["name"]
    ready = f"{status.get('readyReplicas', 0)} of {deployment.get('spec', {}).get('replicas', 1)} pods ready"
    words = f"Deployment {namespace}/{name} has {ready}, but nobody renews Lease {namespace}/{LEASE}"
    cure = f"kubectl logs --namespace {namespace} deploy/{name}, kubectl describe pods --namespace {namespace}"
    return Finding("operator", Level.FAILED, words, cure)


def policies(found: Sequence[Json]) -> Iterator[Finding]:
    """What the operator has said of each policy."""
    if not found:
        words = "none yet: nothing is forecast"
        yield Finding("policies", Level.OK, words, "kubectl apply -f examples/recommend-only.yaml")
        return
    wrong = [(each, condition) for each in found if (condition := _complaint(each)) is not None]
    for policy, condition in wrong[:MOST_NAMED]:
        yield Finding("policies", Level.WARNING, f"{_title(policy)}: {condition['reason']}: {condition['message']}")
    if len(wrong) > MOST_NAMED:
        more = len(wrong) - MOST_NAMED
        yield Finding("policies", Level.WARNING, f"{more} more are not in order", "kubectl get memorypolicies -A")
    if not wrong:
        yield Finding("policies", Level.OK, f"{len(found)}, all in order")


EXPECTED = {"Ready": "True", "HistoryAvailable": "True", "Conflict": "False", "DecreasesAllowed": "True"}
"""Conditions and what they are when all is well."""


def _complaint(policy: Json) -> Json | None:
    conditions = policy.get("status", {}).get("conditions") or []
    if not conditions:
        return {"reason": "NotSeenYet", "message": "no operator has looked at it"}
    return next((each for each in conditions if each["status"] != EXPECTED.get(each["type"], each["status"])), None)


def _title(policy: Json) -> str:
    metadata = policy["metadata"]
    namespace = metadata.get("namespace")
    return f"{policy.get('kind', 'MemoryPolicy')} {f'{namespace}/' if namespace else ''}{metadata['name']}"


def asking(found: Sequence[Json]) -> Mapping[str, list[str]]:
    """By optional part of the rights, the policies that ask for it."""
    return {
        "evictions": [_title(each) for each in found if _evicts(each)],
        "templates": [_title(each) for each in found if _apply(each).get("template")],
        "scale": [_title(each) for each in found if _idle(each).get("action") == "ScaleToZero"],
    }


def _evicts(policy: Json) -> bool:
    return _apply(policy).get("running") == "InPlaceOrEvict" or _idle(policy).get("action") == "Evict"


def _idle(policy: Json) -> Json:
    return policy.get("spec", {}).get("idle") or {}


def _apply(policy: Json) -> Json:
    return policy.get("spec", {}).get("apply") or {}
