"""The demo's workloads and their policies, as a user would write them."""

from collections.abc import Mapping

from foresize_dev import backfill, workloads
from foresize_dev.api import Json
from foresize_dev.demo import timeline
from foresize_dev.demo.timeline import Timeline

NAMESPACE = "foresize-demo"
MANAGED, UNMANAGED, LEAKY, BATCH = "web", "web-unmanaged", "leaky", "batch"
APPS = (MANAGED, UNMANAGED, LEAKY, BATCH)
NODE = "node-1"


def deployments(times: Timeline) -> list[dict[str, Json]]:
    """Two twins, one that leaks, one that asks for ten times what it uses."""
    twin = workloads.Memhog({"DAILY": times.daily, "HOLD": "60Mi"}, request="96Mi", limit="128Mi")
    leak = workloads.Memhog({"HOLD": "180Mi", "LEAK": timeline.leak_rate()}, request="192Mi", limit="256Mi")
    batch = workloads.Memhog({"HOLD": "50Mi"}, request="512Mi", limit="1Gi")
    memhogs = {MANAGED: twin, UNMANAGED: twin, LEAKY: leak, BATCH: batch}
    return [workloads.deployment(name, memhog) for name, memhog in memhogs.items()]


def policies() -> list[dict[str, Json]]:
    """One for each workload but the unmanaged twin.

    What is written here beside `target` and `apply` is the demo's hurry: its day has two peaks within two minutes, so
    steps, lead and cooldown are seconds where a real day's are minutes.
    """
    hurry = {"lead": "20s", "cooldown": "10s"}
    fine = {"window": "7d", "step": f"{timeline.STEP_S}s"}
    applied = {"atCreation": True, "running": "InPlace"}
    keep = [{"name": "*", "limit": {"strategy": "Keep"}}]
    return [
        policy(MANAGED, {"apply": applied, "history": fine, "startup": {"ignore": "0s"}, "pace": hurry}),
        policy(BATCH, {"apply": applied, "containers": keep, "pace": hurry}),
        policy(LEAKY, {"leak": {"action": "Alert"}}),  # applies nothing: it is told of, not acted on
    ]


def history(times: Timeline, hashes: Mapping[str, str], now_s: float) -> list[backfill.Series]:
    """Fourteen days of every workload, by pods of its present revision that are gone.

    Args:
        times: of the twins' peaks.
        hashes: the pod-template-hash of each Deployment.
        now_s: where the history ends.
    """
    fine = timeline.past_until(now_s, timeline.STEP_S)
    coarse = timeline.past_until(now_s, timeline.COARSE_STEP_S)
    twin = timeline.twin_history(times, fine)
    values = {
        MANAGED: (fine, twin),
        UNMANAGED: (fine, twin),
        LEAKY: (coarse, timeline.leak_history(coarse)),
        BATCH: (coarse, timeline.batch_history(coarse)),
    }
    series: list[backfill.Series] = []
    for app, (past, used) in values.items():
        pod = {"namespace": NAMESPACE, "pod": f"{app}-{hashes[app]}-bcdfg", "node": NODE}
        series += backfill.container_memory(pod, "app", past.start_s, past.step_s, used)
    return series


def policy(workload: str, spec: Mapping[str, Json]) -> dict[str, Json]:
    """A policy for a Deployment, of the same name."""
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload}
    return {
        "apiVersion": "foresize.dev/v1alpha1",
        "kind": "MemoryPolicy",
        "metadata": {"name": workload},
        "spec": {"target": {"ref": ref}, **spec},
    }
