"""The real cert-manager: its CRDs in a cluster, its controller and its cainjector as processes of this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from foresize_dev import parts, processes
from foresize_dev.api import Json
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for

MODULE = "github.com/cert-manager/cert-manager"
GROUP = "cert-manager.io/v1"
PROGRAMS = ("controller", "cainjector")
STOP_GRACE_S = 5.0
MERGE = "application/merge-patch+json"


@contextmanager
def running(cluster: Cluster) -> Iterator[None]:
    """Have it follow Issuers and Certificates, for as long as the context lasts. What it made stays."""
    crds = parts.module_folder(parts.CERTMANAGER, MODULE) / "deploy" / "crds"
    cluster.kubectl("apply", "--server-side", "--filename", str(crds))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "--filename", str(crds))
    program = parts.find_or_build(parts.CERTMANAGER)
    try:
        for name in PROGRAMS:
            processes.start(cluster.state, _process(name), [program, name, str(cluster.kubeconfig)])
        yield
    finally:
        processes.stop(cluster.state, [_process(name) for name in PROGRAMS], STOP_GRACE_S)


def certificate(cluster: Cluster, namespace: str, name: str) -> Json:
    """A Certificate as it is now."""
    return cluster.api.get(_path(namespace, name))


def wait_until_ready(cluster: Cluster, namespace: str, name: str, deadline_s: float = 30) -> Json:
    """Wait until a Certificate's Secret holds what it asks for."""

    def ready() -> Json | None:
        for each in PROGRAMS:
            processes.require_alive(cluster.state, _process(each))
        found = certificate(cluster, namespace, name)
        conditions = found.get("status", {}).get("conditions", [])
        states = {each["type"]: each["status"] for each in conditions}
        return found if states.get("Ready") == "True" and states.get("Issuing") != "True" else None

    return wait_for(f"Certificate {name} to be Ready", ready, deadline_s)


def renew(cluster: Cluster, namespace: str, name: str) -> Json:
    """Have a Certificate issued anew at once, as `cmctl renew` does; returns it with its next revision."""
    before = wait_until_ready(cluster, namespace, name)
    asked = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    conditions = [*(each for each in before["status"]["conditions"] if each["type"] != "Issuing"), asked]
    cluster.api.request("PATCH", f"{_path(namespace, name)}/status", {"status": {"conditions": conditions}}, MERGE)
    wait_for(
        f"another revision of Certificate {name}",
        lambda: certificate(cluster, namespace, name)["status"].get("revision") != before["status"]["revision"],
        30,
    )
    return wait_until_ready(cluster, namespace, name)


def _process(name: str) -> str:
    return f"cert-manager-{name}"


def _path(namespace: str, name: str) -> str:
    return f"/apis/{GROUP}/namespaces/{namespace}/certificates/{name}"
