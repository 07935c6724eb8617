"""Policies from YAML files, as they would be stored: named, in a namespace, with the uid of the one they replace."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from foresize.config.policy import CLUSTER_SCOPED, NAMESPACED, PolicyProblem, parse, path_of
from foresize.config.quantities import timestamp
from foresize.kube.kubeapi import Api, ApiError, NotFound

Json = dict[str, Any]
VERSION = "foresize.dev/v1alpha1"
SCHEMAS = f"/openapi/v3/apis/{VERSION}"
SCHEMA = "dev.foresize.v1alpha1.{}"
"""How the API server names the schema of a kind."""
STDIN = "-"


class PolicyFileError(Exception):
    """A file that cannot be used, with its name and what is wrong."""


def policies(paths: Sequence[str], namespace: str) -> list[Json]:
    """The policies in these files (`-` is standard input); what names no namespace is in `namespace`.

    Raises:
        PolicyFileError: a file cannot be read, holds no policy, or one that cannot be followed.
    """
    found = [policy for path in paths for policy in _of_file(path, namespace)]
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in found]
    for name in names:
        if names.count(name) > 1:
            raise PolicyFileError(f"{name[0]} {name[2]} is given twice")
    return found


def _of_file(path: str, namespace: str) -> Iterator[Json]:
    shown = "standard input" if path == STDIN else path
    try:
        text = sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except OSError as error:
        raise PolicyFileError(f"{shown}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyFileError(f"{shown} is no YAML: {' '.join(str(error).split())}") from error
    if not documents:
        raise PolicyFileError(f"{shown} is empty: a {NAMESPACED} or {CLUSTER_SCOPED} is expected")
    for document in documents:
        yield _policy(document, shown, namespace)


def _policy(document: Any, shown: str, namespace: str) -> Json:  # noqa: ANN401 - whatever a file holds
    kind = document.get("kind") if isinstance(document, dict) else None
    version = document.get("apiVersion") if isinstance(document, dict) else None
    if kind not in {NAMESPACED, CLUSTER_SCOPED} or version != VERSION:
        told = f"{version} {kind}" if kind else "no Kubernetes object"
        raise PolicyFileError(f"{shown}: {told}: a {NAMESPACED} or {CLUSTER_SCOPED} of {VERSION} is expected")
    metadata = document.get("metadata")
    place = {} if kind == CLUSTER_SCOPED else {"namespace": namespace}
    policy = {**document, "metadata": {**place, **(metadata if isinstance(metadata, dict) else {})}}
    problem = parse(policy, allow_kube_system=True)
    if isinstance(problem, PolicyProblem):
        raise PolicyFileError(f"{shown}: {problem.message}")
    return policy


def refuse_unknown(api: Api, given: Sequence[Json]) -> None:
    """Refuse a field that the API server does not know, as `kubectl apply` does: what is misspelt has no effect.

    Raises:
        PolicyFileError: there is one.
    """
    try:
        schemas = api.get(SCHEMAS).get("components", {}).get("schemas", {})
    except ApiError:  # whoever may not read it is told by `kubectl apply`
        return
    for policy in given:
        spec = schemas.get(SCHEMA.format(policy["kind"]), {}).get("properties", {}).get("spec", {})
        for field in _unknown(policy.get("spec"), spec, "spec"):
            raise PolicyFileError(f"{policy['kind']} {policy['metadata']['name']}: {field}")


def _unknown(value: Any, schema: Json, path: str) -> Iterator[str]:  # noqa: ANN401 - as above
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _unknown(each, schema.get("items", {}), f"{path}[{number}]")
    known = schema.get("properties")
    if not isinstance(value, dict) or not known:
        return
    for name, each in value.items():
        if name in known:
            yield from _unknown(each, known[name], f"{path}.{name}")
        else:
            nearest = get_close_matches(str(name), known, n=1)
            hint = f"; {nearest[0]} is" if nearest else f"; {', '.join(sorted(known))} are"
            yield f"{path}.{name} is no field{hint}"


def as_applied(api: Api, policy: Json, number: int) -> Json:
    """A policy as it would be stored after `kubectl apply`: with what the one of its name has, or as a new one.

    Raises:
        ApiError: whether there is one cannot be read.
    """
    metadata = policy["metadata"]
    try:
        known = api.get(path_of(metadata.get("namespace", ""), metadata["name"]))
    except NotFound:
        made = {"uid": f"simulated-{number}", "generation": 1, "creationTimestamp": timestamp(time.time())}
        return {**policy, "metadata": {**metadata, **made}}
    kept = {name: known["metadata"][name] for name in ("uid", "creationTimestamp")}
    generation = known["metadata"]["generation"] + 1
    return {**policy, "metadata": {**metadata, **kept, "generation": generation}, "status": known.get("status", {})}
