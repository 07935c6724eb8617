"""Logs in as a ServiceAccount from outside the cluster, with a token as a pod would have."""

from collections.abc import Mapping
from pathlib import Path

from foresize_dev import pki
from foresize_dev.api import Api, ApiError
from foresize_dev.control_plane import SERVER

TOKEN_LIFE_S = 24 * 3600
CONFLICT = 409


def token(api: Api, namespace: str, name: str) -> str:
    """A token of a ServiceAccount, good for a day."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    answer = api.request("POST", path, {**request, "spec": {"expirationSeconds": TOKEN_LIFE_S}})
    return str(answer["status"]["token"])


def write_kubeconfig(state: Path, api: Api, namespace: str, name: str) -> Path:
    """Write a kubeconfig with which a program has a ServiceAccount's rights and no more; returns its path."""
    target = state / f"{namespace}-{name}.kubeconfig"
    pki.write_kubeconfig(target, state / "pki", SERVER, {"token": token(api, namespace, name)})
    return target


def ensure(api: Api, path: str, manifest: Mapping[str, object]) -> None:
    """Create an object unless it is there."""
    try:
        api.request("POST", path, manifest)
    except ApiError as error:
        if error.code != CONFLICT:
            raise
