"""The comparison of what the chart grants with what the tests on clusters asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foresize_dev import leastrights, tiers
from foresize_dev.leastrights import Call, granted, record, recorded, wrong

LIST, RESIZE = Call("foresize", "", "pods", "list"), Call("foresize", "", "pods/resize", "patch")
SECRETS = Call("foresize", "", "secrets", "get")


def manifests(account: str = "foresize") -> list[dict[str, Any]]:
    """A role that is bound, and one that is not."""
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]},
    ]
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": "foresize"}]
    named = {"kind": "ClusterRole", "name": "a"}
    return [
        {"kind": "ClusterRole", "metadata": {"name": "a"}, "rules": rules},
        {"kind": "ClusterRole", "metadata": {"name": "b"}, "rules": rules},
        {"kind": "ClusterRoleBinding", "metadata": {"name": "a"}, "roleRef": named, "subjects": subjects},
    ]


def test_rights_are_those_of_bound_roles() -> None:
    """A role that nobody is bound to grants nothing."""
    assert {LIST, RESIZE} == granted(manifests())
    assert set() == granted(manifests()[1:])


def test_what_is_granted_in_vain_and_what_is_lacking() -> None:
    """Both are named; what was refused because a value of the chart was off is no fault of the chart."""
    rights = granted(manifests())

    assert [] == wrong({LIST, RESIZE}, set(), rights)
    assert ["granted and never used: patch pods/resize by foresize"] == wrong({LIST}, {RESIZE}, rights)
    assert ["asked for and granted by no value of the chart: get secrets by foresize"] == wrong(
        {LIST, RESIZE}, {SECRETS}, rights
    )


def test_an_account_that_no_test_ran_as_is_not_compared() -> None:
    """Nothing is known of it."""
    assert [] == wrong({LIST, RESIZE}, set(), granted(manifests()) | granted(manifests("foresize-ui")))


def test_calls_are_read_from_the_audit_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the chart's accounts alone; what the API server forbade is told apart from what it did."""

    def event(user: str, decision: str, resource: str, verb: str, sub: str = "") -> dict[str, Any]:
        target = {"resource": resource, **({"subresource": sub} if sub else {})}
        annotations = {"authorization.k8s.io/decision": decision}
        return {"user": {"username": user}, "verb": verb, "objectRef": target, "annotations": annotations}

    class Log:
        def events(self) -> list[dict[str, Any]]:
            """Three of ours, one of an admin, one that is about no object."""
            ours = "system:serviceaccount:foresize:foresize"
            return [
                event(ours, "allow", "pods", "list"),
                event(ours, "allow", "pods", "patch", "resize"),
                event(ours, "forbid", "secrets", "get"),
                event("admin", "allow", "secrets", "get"),
                {"user": {"username": ours}, "verb": "get"},
            ]

    monkeypatch.setenv(leastrights.FOLDER, str(tmp_path))
    record(Log())  # type: ignore[arg-type]  # what is asked of a log

    assert ({LIST, RESIZE}, {SECRETS}) == recorded(tmp_path)


def test_of_a_part_of_the_tests_nothing_is_concluded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where tests on clusters failed or were skipped, that is said instead."""
    (tmp_path / "x.json").write_text(json.dumps({"used": [], "refused": []}))

    assert 0 == tiers.compared("python", tmp_path, 1)
    assert "not compared" in capsys.readouterr().out
