"""The pages in a cluster: by whom they are seen, past the API server and through it, in a real browser."""

from __future__ import annotations

import http
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from browser import CHROMIUM, Browser, browser, go, run
from foresize_dev import accounts, helm, leastrights, network, parts, processes, workloads
from foresize_dev.cluster import Cluster, KubectlError
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import PROGRAM
from foresize_dev.places import CHART, REPOSITORY
from foresize_dev.prometheus import free_port
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from scenes import deploy, forecast, past, policy

Json = dict[str, Any]
AUDIENCE = "foresize-ui"
SHOWN = os.environ.get("FORESIZE_PICTURES", "")
"""A folder that keeps the browser's pictures, for people to look at."""


@dataclass(frozen=True)
class Ui:
    """The server as the chart would run it: its account, its Service."""

    namespace: str
    port: int

    @property
    def proxied(self) -> str:
        """Where the API server serves it."""
        return f"/api/v1/namespaces/{self.namespace}/services/http:shown:80/proxy"

    def ask(self, token: str, path: str = "/") -> tuple[int, str]:
        """What a pod of the cluster is answered, that reaches it past the API server."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://{network.node_address(1)}:{self.port}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@contextmanager
def served(cluster: Cluster, prometheus_url: str) -> Iterator[Ui]:
    """A process with the rights of the chart's account, behind a Service."""
    own = leastrights.PAGES
    values = {"fullnameOverride": own, "crds": {"enabled": False}, "operator": {"enabled": False}}
    off = {"admission": {"mode": "none"}, "metrics": {"service": {"enabled": False}}}
    options = ["--namespace", own, "--create-namespace", "--values", "-"]
    given = json.dumps({**values, **off, "ui": {"enabled": True, "nodeSelector": {"nowhere": "true"}}})
    helm.helm(cluster, "install", own, str(CHART), *options, stdin=given)
    ui = Ui(own, free_port())
    kubeconfig = accounts.write_kubeconfig(cluster.state, cluster.api, own, "pages-ui")
    roots = os.pathsep.join(str(REPOSITORY / root) for root in ("operator", "forecaster"))
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "PYTHONPATH": roots,
        "FORESIZE_OPERATOR_NAMESPACE": own,
        "FORESIZE_PROMETHEUS_URL": prometheus_url,
    }
    command = [sys.executable, "-c", PROGRAM, "ui", "--shared", f"--port={ui.port}"]
    try:
        processes.start(cluster.state, "ui", command, environment)
        cluster.apply(*_service(ui), namespace=own)
        wait_for("the pages' server", lambda: _alive(cluster, ui), 40)
        yield ui
    finally:
        processes.stop(cluster.state, ["ui"])
        helm.helm(cluster, "uninstall", own, "--namespace", own)
        cluster.api.request("DELETE", f"/api/v1/namespaces/{own}")


def _alive(cluster: Cluster, ui: Ui) -> bool:
    processes.require_alive(cluster.state, "ui")
    return cluster.kubectl("get", "--raw", f"{ui.proxied}/healthz").strip() == "ok"


def _service(ui: Ui) -> tuple[Json, Json]:
    """A Service, and a pod on its node's network: the API server proxies to pods alone; the process answers."""
    pod = workloads.deployment("shown", Memhog(hold={"HOLD": "1Mi"}))
    template = pod["spec"]["template"]
    template["spec"]["hostNetwork"] = True
    ports = [{"name": "pages", "port": 80, "targetPort": ui.port}]
    selected = {"selector": template["metadata"]["labels"], "ports": ports}
    return pod, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shown"}, "spec": selected}


def reader(cluster: Cluster, namespace: str, name: str, *options: str) -> str:
    """A token, good for the pages alone, of an account that may do what `view` may in its namespace."""
    cluster.kubectl("create", "serviceaccount", name, "--namespace", namespace)
    grant = ("--clusterrole=view", f"--serviceaccount={namespace}:{name}")
    cluster.kubectl("create", "rolebinding", name, *grant, "--namespace", namespace)
    made = cluster.kubectl("create", "token", name, "--namespace", namespace, "--audience", AUDIENCE, *options)
    return made.strip()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (Debian package chromium)")
def test_each_reader_sees_what_they_may(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, tmp_path: Path
) -> None:
    """Nobody without a token; one namespace with its viewer's; signed in through the API server, in a browser."""
    server = prometheus(history=past(deploy(cluster, namespace), 100))
    deploy(cluster, namespace, "other")
    cluster.apply(policy(), policy("other", "other"), *lost(), namespace=namespace)
    operator(server.url)
    wait_for("a forecast", lambda: forecast(cluster, namespace).get("summary", {}).get("peak"), 40)
    here = f"/w/{namespace}/Deployment/web"
    token = reader(cluster, namespace, "viewer")
    since = cluster.audit.mark()

    with served(cluster, server.url) as ui:
        stranger = reader(cluster, ui.namespace, "stranger")
        assert [401, 401, 401] == [ui.ask("")[0], ui.ask("", here)[0], ui.ask("made.up.token")[0]]
        assert (403, 403) == (ui.ask(stranger)[0], ui.ask(stranger, here)[0])
        code, fleet = ui.ask(token)
        assert (200, True) == (code, f'href="w/{namespace}/Deployment/web"' in fleet)
        code, page = ui.ask(token, here)
        assert (200, True, True) == (code, "<svg" in page, "RecentPeak" in page), page
        cluster.apply(nowhere(namespace))
        wait_for(
            "another's page", lambda: ui.ask(token, f"/w/{namespace}/Deployment/other")[0] == http.HTTPStatus.OK, 40
        )

        # Of use for nothing else: the API server does not take it.
        anonymous = ("--kubeconfig=/dev/null", f"--server={cluster.api.server}", "--insecure-skip-tls-verify")
        with pytest.raises(KubectlError, match=r"(?i)unauthorized|logged in"):
            cluster.kubectl("get", "--raw", f"{ui.proxied}/", *anonymous, f"--token={token}")
        # Through the API server without a right to the Service: refused there.
        with pytest.raises(KubectlError, match="services/proxy"):
            cluster.kubectl("get", "--raw", f"{ui.proxied}/healthz", f"--as=system:serviceaccount:{namespace}:viewer")
        wrote = {write.resource for write in cluster.audit.writes(user="pages:pages-ui", since=since, failed=True)}
        assert {"tokenreviews", "subjectaccessreviews"} == wrote

        with kubectl_proxy(cluster) as base, browser() as driven:
            signed_in(driven, f"{base}{ui.proxied}/", token, namespace, Path(SHOWN) if SHOWN else tmp_path)


def lost() -> Iterator[Json]:
    """Policies about what is not there, of each kind: pages bear them."""
    versions = {"Pod": "v1", "CronJob": "batch/v1", "Job": "batch/v1"}
    for kind in (*versions, "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        ref = {"apiVersion": versions.get(kind, "apps/v1"), "kind": kind, "name": "lost"}
        yield policy(f"lost-{kind.lower()}") | {"spec": policy()["spec"] | {"target": {"ref": ref}}}


def nowhere(namespace: str) -> Json:
    """A policy of the cluster about no namespace."""
    made = policy(f"nowhere-{namespace}", namespaceSelector={"matchLabels": {"nowhere": namespace}})
    return made | {"kind": "ClusterMemoryPolicy"}


@contextmanager
def kubectl_proxy(cluster: Cluster) -> Iterator[str]:
    """`kubectl proxy` of somebody with a right to the Service."""
    port = free_port()
    command = [
        str(parts.find_or_build(parts.HYPERKUBE)),
        "kubectl",
        "--kubeconfig",
        str(cluster.kubeconfig),
        "proxy",
        f"--port={port}",
    ]
    processes.start(cluster.state, "kubectl-proxy", command)
    try:
        wait_for("kubectl proxy", lambda: _answers(f"http://127.0.0.1:{port}/readyz"), 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop(cluster.state, ["kubectl-proxy"])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback
            return True
    except urllib.error.URLError:
        return False


def signed_in(driven: Browser, url: str, token: str, namespace: str, folder: Path) -> None:
    """The form takes the token, links lead on below the proxy's path, the slider asks for another overrun."""
    type_token = f"document.querySelector('[name=token]').value = {json.dumps(token)}"
    words = "document.body.innerText"
    done = driven.session(
        go(url),
        run(words),
        run(f"{type_token}; document.querySelector('[action$=login] button').click()", loads=True),
        run(words),
        run("document.querySelector('a[href*=web]').click()", loads=True),
        run("document.querySelector('[name=overrun]').value = 10"),
        run("document.querySelector('[method=get] button').click()", loads=True),
        run(words),
        run("location.pathname"),
        run("document.cookie"),
        run("document.querySelector('figure svg').getBoundingClientRect().width"),
    )
    asked, fleet, page, path, cookie, width = (done[step]["result"]["value"] for step in (1, 3, 7, 8, 9, 10))

    assert "Sign in with a token" in asked
    assert "savings and risks" in fleet
    assert f"system:serviceaccount:{namespace}:viewer" in fleet
    assert "with 10.00% of the time above" in page
    assert path.endswith(f"/proxy/w/{namespace}/Deployment/web")
    assert cookie == ""  # no script reads it
    assert width > 300
    for name, at in (("fleet", url), ("workload", f"{url}w/{namespace}/Deployment/web?overrun=5")):
        for wide in (1280, 400):
            for dark in (False, True):
                file = folder / f"{name}-{wide}-{'dark' if dark else 'light'}.png"
                driven.picture(at, file, width=wide, dark=dark)
                assert file.stat().st_size > 10_000
