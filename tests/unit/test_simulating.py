"""Policies from files, an API that sends no write, and what a simulation says when it cannot be made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiserver import serving
from cliruns import cluster, said
from foresize.commands.policyfiles import PolicyFileError, as_applied, policies
from foresize.kube.rehearsedapi import RehearsedApi
from objectserver import Objects

Json = dict[str, Any]
POLICIES = "/apis/foresize.dev/v1alpha1/namespaces/shop/memorypolicies"
POLICY: Json = {
    "apiVersion": "foresize.dev/v1alpha1",
    "kind": "MemoryPolicy",
    "metadata": {"name": "web"},
    "spec": {"target": {"selector": {}}},
}


def test_a_rehearsed_api_writes_nothing() -> None:
    """Every kind of write is noted and answered, and none reaches the server; reads do."""
    objects = Objects()
    with serving(objects.answer) as api:
        rehearsed = RehearsedApi(api)
        made = rehearsed.create("/apis/x/v1/namespaces/shop/things", {"metadata": {"name": "a", "uid": "u"}})
        rehearsed.replace("/apis/x/v1/namespaces/shop/things/a", {"metadata": {"name": "a"}})
        rehearsed.patch("/apis/x/v1/namespaces/shop/things/a", [{"op": "test"}], "application/json-patch+json")
        rehearsed.delete("/apis/x/v1/namespaces/shop/things/a")
        assert [] == rehearsed.list("/apis/x/v1/namespaces/shop/things")

    assert ("u", "0") == (made["metadata"]["uid"], made["metadata"]["resourceVersion"])
    assert ["POST", "PUT", "PATCH", "DELETE"] == [each.method for each in rehearsed.unsent]
    assert [] == objects.writes()


def test_policies_are_read_as_if_they_were_applied() -> None:
    """A given one replaces the stored one of its name and namespace, and shows up in no other namespace."""
    objects = Objects()
    objects.put(
        f"{POLICIES}/web", {**POLICY, "metadata": {"generation": 3, "creationTimestamp": "2027-01-15T08:00:00Z"}}
    )
    objects.put(f"{POLICIES}/other", POLICY)
    with serving(objects.answer) as api:
        mine = {**POLICY, "metadata": {"name": "web", "namespace": "shop"}, "spec": {"target": {"ref": {}}}}
        applied = as_applied(api, mine, 0)
        new = as_applied(api, {**mine, "metadata": {"name": "new", "namespace": "shop"}}, 7)
        rehearsed = RehearsedApi(api, [applied, new])
        named = {each["metadata"]["name"]: each for each in rehearsed.list(POLICIES)}
        elsewhere = rehearsed.list(POLICIES.replace("shop", "till"))
        everywhere = rehearsed.list("/apis/foresize.dev/v1alpha1/memorypolicies")

    assert {"web", "other", "new"} == named.keys()
    assert [] == elsewhere
    assert 3 == len(everywhere)
    assert {"target": {"ref": {}}} == named["web"]["spec"]
    # The next generation of the same object, so that it keeps its place among policies and its MemoryForecasts.
    assert (objects.stored[f"{POLICIES}/web"]["metadata"]["uid"], 4) == (
        named["web"]["metadata"]["uid"],
        named["web"]["metadata"]["generation"],
    )
    assert ("simulated-7", 1) == (new["metadata"]["uid"], new["metadata"]["generation"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty: a MemoryPolicy or ClusterMemoryPolicy is expected"),
        ("{a: [", "is no YAML"),
        ("just text", "None"),
        (
            "kind: Pod\napiVersion: v1",
            "v1 Pod: a MemoryPolicy or ClusterMemoryPolicy of foresize.dev/v1alpha1 is expected",
        ),
        ("[1, 2]", "no Kubernetes object"),
        (json.dumps({**POLICY, "spec": {}}), "neither of ref and selector"),
        (json.dumps({**POLICY, "spec": {**POLICY["spec"], "horizon": "soon"}}), "spec.horizon is 'soon'"),
        (json.dumps({**POLICY, "metadata": None}), "metadata.name is missing"),
    ],
)
def test_files_that_cannot_be_used(text: str, words: str, tmp_path: Path) -> None:
    """The file is named, and what is wrong in it; the program ends with exit code 2 and one line."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(PolicyFileError) as refused:
        policies([str(path)], "shop")
    assert str(path) in str(refused.value)
    if "None" not in words:
        assert words in str(refused.value)

    result = said("simulate", str(path), "--kubeconfig", "/nowhere")
    assert (2, 1) == (result.exit_code, len(result.stderr.splitlines()))


def test_namespaces_of_policies(tmp_path: Path) -> None:
    """What names none is in the one that is given; a policy of the cluster is in none; twice is a mistake."""
    path = tmp_path / "policies.yaml"
    everywhere = {**POLICY, "kind": "ClusterMemoryPolicy", "spec": {**POLICY["spec"], "namespaceSelector": {}}}
    path.write_text(yaml.safe_dump_all([POLICY, everywhere, {**POLICY, "metadata": {"name": "web", "namespace": "b"}}]))

    assert ["a", None, "b"] == [each["metadata"].get("namespace") for each in policies([str(path)], "a")]
    with pytest.raises(PolicyFileError, match="MemoryPolicy web is given twice"):
        policies([str(path), str(path)], "a")
    with pytest.raises(PolicyFileError, match="No such file"):
        policies(["/nowhere.yaml"], "a")


def test_a_misspelt_field_is_named(tmp_path: Path) -> None:
    """What the API server does not know has no effect: it is refused as `kubectl apply` does, with the nearest name."""
    words = {"type": "object", "properties": {"name": {"type": "string"}, "min": {}, "max": {}}}
    spec = {"properties": {"paused": {}, "target": {}, "containers": {"type": "array", "items": words}}}
    objects = Objects()
    schema = {"dev.foresize.v1alpha1.MemoryPolicy": {"properties": {"spec": spec}}}
    objects.stored["/openapi/v3/apis/foresize.dev/v1alpha1"] = {"components": {"schemas": schema}}
    path = tmp_path / "policy.yaml"
    said_of = {}
    with cluster(objects, tmp_path) as kubeconfig:
        for name, more in (
            ("pausd", {"pausd": True}),
            ("mni", {"containers": [{"name": "a"}, {"name": "b", "mni": "1Mi"}]}),
        ):
            path.write_text(json.dumps({**POLICY, "spec": {**POLICY["spec"], **more}}))
            said_of[name] = said("simulate", str(path), "--kubeconfig", kubeconfig)

    assert [2, 2] == [each.exit_code for each in said_of.values()]
    assert "MemoryPolicy web: spec.pausd is no field; paused is" in said_of["pausd"].stderr
    assert "spec.containers[1].mni is no field; min is" in said_of["mni"].stderr


def test_a_simulation_that_cannot_be_made(tmp_path: Path) -> None:
    """Without Prometheus exit code 2 and what to give; without a cluster exit code 1. Nothing is written."""
    path = tmp_path / "policy.yaml"
    path.write_text(json.dumps(POLICY))
    objects = Objects()
    with cluster(objects, tmp_path) as kubeconfig:
        without = said("simulate", str(path), "--kubeconfig", kubeconfig)
    gone = said("diff", str(path), "--kubeconfig", "/nowhere")

    assert (2, True) == (without.exit_code, "--prometheus" in without.stderr)
    assert (1, True) == (gone.exit_code, "no cluster to talk to" in gone.stderr)
    assert [] == objects.writes()
