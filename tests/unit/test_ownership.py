"""Who wrote memory in a pod template, as the API server's managedFields tell."""

from __future__ import annotations

from typing import Any

import pytest

from builders import size
from foresize.cluster.ownership import BEFORE, before, held, is_ours
from foresize_forecast.resizing.templateplan import NOTHING, Held

Json = dict[str, Any]


def wrote(
    manager: str, container: str = "app", *parts: str, operation: str = "Update", kind: str = "containers"
) -> Json:
    """An entry of managedFields: a manager that wrote these parts' memory, and something else."""
    resources = {f"f:{part}": {".": {}, "f:memory": {}, "f:cpu": {}} for part in parts}
    fields = {"f:template": {"f:spec": {f"f:{kind}": {f'k:{{"name":"{container}"}}': {"f:resources": resources}}}}}
    return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {**fields, "f:replicas": {}}}}


def item(*entries: Json, **annotations: str) -> Json:
    """A workload with these managedFields."""
    return {"metadata": {"managedFields": list(entries), "annotations": annotations}}


def test_absent_memory_is_nobodys() -> None:
    """A manager who wrote CPU only has not written memory."""
    only_cpu = wrote("helm")
    assert {"app": Held(NOTHING)} == held(item(only_cpu), {"app": NOTHING})


@pytest.mark.parametrize("parts", [("requests",), ("limits",), ("requests", "limits")])
def test_whoever_wrote_any_of_it_owns_it(parts: tuple[str, ...]) -> None:
    """A limit alone is enough: beside it our request could not move freely."""
    found = held(item(wrote("kubectl-client-side-apply", "app", *parts)), {"app": size(64, 128)})

    assert {"app": Held(size(64, 128), "kubectl-client-side-apply")} == found


def test_what_we_applied_is_ours() -> None:
    """Our own apply is no owner to be asked."""
    ours = item(wrote("foresize", "app", "requests", operation="Apply"))

    assert {"app": Held(size(64, None))} == held(ours, {"app": size(64, None)})
    assert is_ours(ours)


def test_a_cronjob_has_its_pods_deeper() -> None:
    """The template of its Jobs is looked into."""
    entry = wrote("helm", "app", "requests")
    job = {"f:spec": {"f:jobTemplate": entry["fieldsV1"]}}
    made = {**item({**entry, "fieldsV1": job}), "spec": {"jobTemplate": {}}}

    assert "helm" == held(made, {"app": size(64, None)})["app"].owner


def test_each_container_has_its_own_owners() -> None:
    """Sidecars too; two owners are both named."""
    made = item(
        wrote("helm", "app", "requests"),
        wrote("argocd", "app", "limits"),
        wrote("foresize", "proxy", "requests", operation="Apply", kind="initContainers"),
    )

    sizes = {"app": size(64, 128), "proxy": size(1, None), "new": NOTHING}
    assert {"app": "argocd, helm", "proxy": "", "new": ""} == {
        name: each.owner for name, each in held(made, sizes).items()
    }


def test_memory_that_nobody_says_to_have_written_is_not_taken() -> None:
    """ManagedFields can be cleared; what stands there is still somebody's."""
    assert "somebody unknown" == held(item(), {"app": size(64, 128)})["app"].owner
    assert not is_ours(item())


@pytest.mark.parametrize("odd", ['v:"app"', "k:[]", "k:{", 'k:{"name":null}', "."])
def test_odd_fields_are_passed_over(odd: str) -> None:
    """The format allows more than names as keys."""
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": {odd: {"f:resources": {}}}}}}}

    assert "" == held(item({"manager": "x", "fieldsV1": fields}), {"app": NOTHING})["app"].owner


def test_what_was_overwritten_is_read_back() -> None:
    """From the annotation that stands beside it."""
    made = item(**{BEFORE: '{"app": {"request": "64Mi", "limit": "128Mi"}, "side": {}}'})

    assert {"app": size(64, 128), "side": NOTHING} == before(made)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"app": 3}', '{"app": {"request": "much"}}', '{"app": null}'])
def test_an_annotation_that_is_not_ours_says_nothing(text: str) -> None:
    """Anybody may write annotations."""
    assert {} == before(item(**{BEFORE: text}))
