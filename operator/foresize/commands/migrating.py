"""`foresize migrate vpa`: VerticalPodAutoscalers as MemoryPolicies, with what does not carry over. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from foresize.config.policy import PolicyProblem, parse
from foresize.kube.kubeapi import ApiError, NotFound, connect

Json = dict[str, Any]
VPAS = "/apis/autoscaling.k8s.io/v1"
KIND = "VerticalPodAutoscaler"
APPLIES: dict[str, Json] = {
    "Off": {},
    "Initial": {"atCreation": True},
    "InPlaceOrRecreate": {"atCreation": True, "running": "InPlaceOrEvict"},
    "Recreate": {"atCreation": True, "running": "InPlaceOrEvict"},
    "Auto": {"atCreation": True, "running": "InPlaceOrEvict"},
    "InPlace": {"atCreation": True, "running": "InPlace"},
}
"""By updateMode (k8s.io/autoscaler/vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1/types.go)."""
DEFAULT_MODE = "Recreate"
"""What VPA takes where updateMode is left out; `Auto` is its older name."""


class NotMigratedError(Exception):
    """Why nothing was printed; `code` is the program's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Migrated:
    """One VPA.

    Attributes:
        source: `namespace/name`.
        policy: the MemoryPolicy; None where it says nothing about memory.
        notes: what does not carry over, and what to look at.
    """

    source: str
    policy: Json | None
    notes: tuple[str, ...]


def migrate(namespace: str, files: Sequence[str], kubeconfig: str | None) -> list[Migrated]:
    """The VPAs in these files, or else those of a namespace (empty: of all).

    Raises:
        NotMigratedError: they cannot be read, or there are none.
    """
    if files:
        found = [each for path in files for each in _of_file(path, namespace or "default")]
    else:
        scope = f"/namespaces/{namespace}" if namespace else ""
        try:
            found = connect(kubeconfig).list(f"{VPAS}{scope}/verticalpodautoscalers")
        except NotFound as error:
            raise NotMigratedError("this cluster has no VerticalPodAutoscalers", 1) from error
        except ApiError as error:
            raise NotMigratedError(str(error), 1) from error
    if not found:
        where = ", ".join(files) or namespace or "any namespace"
        raise NotMigratedError(f"no {KIND} found in {where}", 1)
    return [migrated(each) for each in found]


def _of_file(path: str, namespace: str) -> Iterator[Json]:
    try:
        documents = list(yaml.safe_load_all(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise NotMigratedError(f"{path}: {error.strerror}", 2) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NotMigratedError(f"{path} is no YAML: {' '.join(str(error).split())}", 2) from error
    for document in documents:
        items = document.get("items") if isinstance(document, dict) and "items" in document else [document]
        for each in items or []:
            if isinstance(each, dict) and each.get("kind") == KIND:
                yield {**each, "metadata": {"namespace": namespace, **(each.get("metadata") or {})}}


def migrated(vpa: Json) -> Migrated:
    """One VPA as a policy."""
    metadata, spec = vpa["metadata"], vpa.get("spec") or {}
    update, ref = spec.get("updatePolicy") or {}, spec.get("targetRef") or {}
    source = f"{metadata.get('namespace', 'default')}/{metadata['name']}"
    asked = (spec.get("resourcePolicy") or {}).get("containerPolicies") or []
    rows, notes = _rows(asked)
    mode = update.get("updateMode") or DEFAULT_MODE
    if rows is None:
        return Migrated(source, None, tuple(notes))
    notes += _notes(spec, update, mode)
    target = {name: ref[name] for name in ("apiVersion", "kind", "name") if name in ref}
    policy: Json = {
        "apiVersion": "foresize.dev/v1alpha1",
        "kind": "MemoryPolicy",
        "metadata": {"name": metadata["name"], "namespace": metadata.get("namespace", "default")},
        "spec": {"target": {"ref": target}},
    }
    if apply := APPLIES.get(mode, {}):
        policy["spec"]["apply"] = dict(apply)
    if rows:
        policy["spec"]["containers"] = rows
    if isinstance(problem := parse(policy, allow_kube_system=True), PolicyProblem):
        notes.append(f"to be put right before it is applied: {problem.message}")
    return Migrated(source, policy, tuple(notes))


def _rows(asked: Sequence[Json]) -> tuple[list[Json] | None, list[str]]:
    """Rows for containers, the one for all others last; None where no container's memory is sized."""
    notes: list[str] = []
    named, others, others_sized = [], None, True
    for row in asked:
        name = row.get("containerName") or "*"
        sized = row.get("mode") != "Off" and "memory" in (row.get("controlledResources") or ["cpu", "memory"])
        if name == "*":
            others, others_sized = row, sized
        elif sized:
            named.append(_row(name, row))
        else:
            notes.append(f"container {name} is not to be sized")
    if not others_sized:
        return (named or None), notes if named else ["it sizes no container's memory"]
    left_out = [words for words in notes if words.startswith("container ")]
    if left_out:
        notes = [f"{words}: name the others in spec.containers instead of *" for words in left_out]
    if others is None and not named:
        return [], notes
    return [*named, _row("*", others or {})], notes


def _row(name: str, row: Json) -> Json:
    made: Json = {"name": name}
    for ours, theirs in (("min", "minAllowed"), ("max", "maxAllowed")):
        if "memory" in (row.get(theirs) or {}):
            made[ours] = row[theirs]["memory"]
    if row.get("controlledValues") == "RequestsOnly":
        made["limit"] = {"strategy": "Keep"}
    return made


def _notes(spec: Json, update: Json, mode: str) -> list[str]:
    notes = []
    if mode not in APPLIES:
        notes.append(f"updateMode {mode} is not known here: the policy only recommends")
    elif mode != "Off":
        notes.append("remove the VPA, or set its updateMode to Off, before you apply this: the two are never mixed")
    if mode in {"Recreate", "Auto", "InPlaceOrRecreate"}:
        notes.append("pods are resized in place first; evictions need the chart's evictions.enabled as well")
    if "minReplicas" in update:
        notes.append("minReplicas has no counterpart: a second ready replica is always asked for before an eviction")
    rows = (spec.get("resourcePolicy") or {}).get("containerPolicies") or []
    if any("cpu" in (row.get(each) or {}) for row in rows for each in ("minAllowed", "maxAllowed")) or not rows:
        notes.append("CPU is not sized by Foresize: keep a VPA with controlledResources: [cpu] for it")
    if mode != "Off" and not any(row.get("controlledValues") == "RequestsOnly" for row in rows):
        notes.append("limits get a rule of their own (docs/how-it-sizes.md) instead of their proportion to requests")
    if spec.get("recommenders"):
        notes.append("its recommenders have no counterpart")
    return notes


def text(found: Sequence[Migrated]) -> str:
    """YAML for `kubectl apply -f -`, each policy under comments that say where it comes from and what is lost."""
    parts = []
    for each in found:
        comments = [f"# from {KIND} {each.source}", *(f"# - {note}" for note in each.notes)]
        body = yaml.safe_dump(each.policy, sort_keys=False) if each.policy else "# no policy\n"
        parts.append("\n".join([*comments, body]))
    return "---\n" + "---\n".join(parts)
