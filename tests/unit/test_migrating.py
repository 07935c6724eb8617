"""VerticalPodAutoscalers as MemoryPolicies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cliruns import cluster, said
from foresize.commands.migrating import VPAS, migrated
from objectserver import Objects

CRD = Path(__file__).parents[2] / "crds" / "memorypolicies.foresize.dev.yaml"
Json = dict[str, Any]


def vpa(mode: str | None = None, *rows: Json, **spec: Any) -> Json:
    """A VPA of Deployment web."""
    update = {} if mode is None else {"updatePolicy": {"updateMode": mode}}
    policies = {"resourcePolicy": {"containerPolicies": list(rows)}} if rows else {}
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    metadata = {"name": "web", "namespace": "shop"}
    return {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": metadata,
        "spec": {"targetRef": ref, **update, **policies, **spec},
    }


@pytest.mark.parametrize(
    ("mode", "apply"),
    [
        ("Off", None),
        ("Initial", {"atCreation": True}),
        ("InPlaceOrRecreate", {"atCreation": True, "running": "InPlaceOrEvict"}),
        ("Recreate", {"atCreation": True, "running": "InPlaceOrEvict"}),
        ("Auto", {"atCreation": True, "running": "InPlaceOrEvict"}),
        (None, {"atCreation": True, "running": "InPlaceOrEvict"}),
        ("Later", None),
    ],
)
def test_modes(mode: str | None, apply: Json | None) -> None:
    """What a VPA lets itself do its policy may do; a mode that nobody knows only recommends."""
    found = migrated(vpa(mode))

    assert found.policy is not None
    assert apply == found.policy["spec"].get("apply")
    assert {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}} == found.policy["spec"]["target"]
    assert (mode == "Later") == any("updateMode Later is not known" in note for note in found.notes)


def test_containers() -> None:
    """Bounds and values carry over, all others come last; CPU does not."""
    found = migrated(
        vpa(
            "Initial",
            {"containerName": "*", "maxAllowed": {"memory": "4Gi", "cpu": "2"}},
            {"containerName": "app", "minAllowed": {"memory": "64Mi"}, "controlledValues": "RequestsOnly"},
        )
    )

    assert found.policy is not None
    assert [
        {"name": "app", "min": "64Mi", "limit": {"strategy": "Keep"}},
        {"name": "*", "max": "4Gi"},
    ] == found.policy["spec"]["containers"]
    assert any("CPU is not sized" in note for note in found.notes)


def test_what_is_off_stays_off() -> None:
    """A VPA of CPU alone gives no policy; an exception is named, for rows here can only name what is sized."""
    assert migrated(vpa("Auto", {"containerName": "*", "controlledResources": ["cpu"]})).policy is None
    assert migrated(vpa("Auto", {"containerName": "*", "mode": "Off"})).policy is None
    only = migrated(vpa("Auto", {"containerName": "*", "mode": "Off"}, {"containerName": "app"})).policy
    assert only is not None
    assert [{"name": "app"}] == only["spec"]["containers"]
    but = migrated(vpa("Auto", {"containerName": "proxy", "mode": "Off"}))
    assert any("container proxy is not to be sized: name the others" in note for note in but.notes)


def test_what_cannot_be_applied_is_said() -> None:
    """A minimum above the maximum is refused by the CRD, and told beforehand."""
    row = {"containerName": "app", "minAllowed": {"memory": "2Gi"}, "maxAllowed": {"memory": "1Gi"}}

    assert any(
        "to be put right before it is applied: spec.containers[0].min" in note
        for note in migrated(vpa("Off", row)).notes
    )


def test_the_program_prints_what_kubectl_applies(tmp_path: Path) -> None:
    """From the cluster or from files, valid against the CRD; nothing is written. Without VPAs: exit code 1."""
    objects = Objects()
    objects.put(f"{VPAS}/namespaces/shop/verticalpodautoscalers/web", vpa("Auto"))
    file = tmp_path / "vpas.yaml"
    file.write_text(json.dumps({"kind": "List", "items": [vpa("Auto"), {"kind": "Pod"}]}))
    with cluster(objects, tmp_path) as kubeconfig:
        result = said("migrate", "vpa", "--kubeconfig", kubeconfig)
        none = said("migrate", "vpa", "-n", "till", "--kubeconfig", kubeconfig)
    same = said("migrate", "vpa", str(file))

    assert (0, result.stdout) == (same.exit_code, same.stdout)
    [policy] = [each for each in yaml.safe_load_all(result.stdout) if each]
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    jsonschema.validate(policy, schema)
    assert "# from VerticalPodAutoscaler shop/web" in result.stdout
    assert "# - remove the VPA, or set its updateMode to Off" in result.stdout
    assert (1, True) == (none.exit_code, "no VerticalPodAutoscaler found in till" in none.stderr)
    assert 2 == said("migrate", "vpa", "/nowhere.yaml").exit_code
    assert [] == objects.writes()
