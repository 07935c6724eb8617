"""Who else says how many replicas a workload has, and who last wrote it."""

from __future__ import annotations

from typing import Any

from foresize.cluster.autoscalers import Scaler, of_memory, of_replicas
from foresize.cluster.managedfields import replicas_writer
from foresize.cluster.workloads import read

Json = dict[str, Any]


def horizontal(metric: str = "cpu", **metadata: Any) -> Json:
    """A HorizontalPodAutoscaler of Deployment web."""
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": [{"resource": {"name": metric}}]}
    return {"metadata": {"name": "web", "namespace": "shop", **metadata}, "spec": spec}


def test_every_horizontal_autoscaler_scales_and_kedas_starts_from_zero() -> None:
    """By whatever measure; the one that KEDA makes is named after what the user wrote."""
    keda = horizontal(ownerReferences=[{"kind": "ScaledObject", "name": "orders"}])
    key = ("shop", "Deployment/web")

    assert {key: Scaler("HorizontalPodAutoscaler web", from_zero=False)} == of_replicas([horizontal()])
    assert {key: Scaler("ScaledObject orders", from_zero=True)} == of_replicas([keda])
    assert [] == list(of_memory([horizontal()], []))
    assert ["web"] == [each.name for each in of_memory([horizontal("memory")], [])]


def test_who_last_wrote_the_replicas_is_on_record() -> None:
    """Of several the newest; who wrote other fields only is nobody here."""
    entries = [
        {"manager": who, "time": f"2026-11-0{day}T00:00:00Z", "fieldsV1": {part: {"f:replicas": {}}}}
        for who, day, part in (("helm", 1, "f:spec"), ("kubectl", 2, "f:spec"), ("controller", 3, "f:status"))
    ]

    assert "kubectl" == replicas_writer({"managedFields": entries})
    assert "" == replicas_writer({"managedFields": entries[2:]})
    assert "" == replicas_writer({})


def test_what_bears_on_scaling_is_read_of_a_workload() -> None:
    """A request to wake it, by annotation or label, and whether its volumes would go with its pods."""

    def found(spec: Json, **metadata: Any) -> tuple[str, bool]:
        whole = {"namespace": "shop", "name": "db", "uid": "u", **metadata}
        workload = read({"metadata": whole, "spec": spec}, "StatefulSet")
        return workload.wake, workload.loses_claims

    assert ("", False) == found({})
    assert ("true", False) == found({}, annotations={"foresize.dev/wake": "true"})
    assert ("", False) == found({}, labels={"foresize.dev/wake": "False"})
    assert ("", True) == found({"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}})
