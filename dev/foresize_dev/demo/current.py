"""Plays a shorter demo on the cluster of the user's own kube context, in a namespace of its own, after asking.

That cluster has no history of the demo's workloads, and a forecast takes an hour of it. So this shows what needs none:
a kill that teaches, and a policy that only recommends.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from foresize_dev import parts, processes
from foresize_dev.api import Json
from foresize_dev.cluster import KubectlError, MachineError
from foresize_dev.demo import cast, table, verdict
from foresize_dev.demo.chronicle import Chronicle
from foresize_dev.demo.clock import Clock
from foresize_dev.demo.watching import Watches
from foresize_dev.helm import HelmError
from foresize_dev.operator_process import ACCOUNT, PROGRAM
from foresize_dev.places import CHART, REPOSITORY, STATE
from foresize_dev.prometheus import free_port

FOLDER = STATE / "demo-current"
RELEASE = "foresize-demo"
CRDS = tuple(
    f"{plural}.foresize.dev" for plural in ("memorypolicies", "clustermemorypolicies", "memoryforecasts", "memorysizes")
)
RESOURCES = ("pods", "events")
TIMEOUT_S = 180
TOKEN_LIFE = "4h"  # noqa: S105 - a duration
WATCHED_S = 135
PEAK_AFTER_S = 45
# Held in pieces, each written, so that the kernel counts all of it.
HOLD = f"""
import time
base = bytearray(b"x") * (60 << 20)
time.sleep({PEAK_AFTER_S})
peak = bytearray(b"x") * (160 << 20)
time.sleep(1 << 30)
"""


def play(result: Path | None) -> int:
    """Play the demo; 0 if the managed twin was raised after its kill and the other was not."""
    url, context = os.environ.get("FORESIZE_PROMETHEUS_URL", ""), _kubectl("config", "current-context").strip()
    _require(url)
    if not _agreed(context):
        print("Nothing was changed.")
        return 1
    clock = Clock()
    _install()
    clock.say(f"Helm installed the CRDs and the chart into namespace {cast.NAMESPACE} of {context}")
    _start_operator(url)
    clock.say(f"the operator runs as system:serviceaccount:{cast.NAMESPACE}:{ACCOUNT}, log {FOLDER / 'log'}")
    seen = Chronicle(clock.say)
    with Watches(["kubectl"], cast.NAMESPACE, RESOURCES) as watches:
        _apply(*_policies(), *_deployments())
        clock.say(
            f"both twins need 220Mi in {PEAK_AFTER_S} s; one has a policy that acts, the other one that recommends"
        )
        for event in watches.until(time.time() + PEAK_AFTER_S + WATCHED_S):
            seen.saw(event.kind, event.thing, event.at_s)
    return _report(seen, clock, result)


def take_down() -> int:
    """Remove what the demo made in the current context; what was never made is fine."""
    processes.stop(FOLDER, ["operator"])
    shutil.rmtree(FOLDER, ignore_errors=True)
    context = _kubectl("config", "current-context").strip()
    if not _kubectl("get", "namespace", cast.NAMESPACE, "--ignore-not-found", "--output", "name"):
        print(f"there is no namespace {cast.NAMESPACE} in {context}: nothing to remove")
        return 0
    _helm("uninstall", RELEASE, "--namespace", cast.NAMESPACE, "--ignore-not-found", "--wait")
    _kubectl("delete", "namespace", cast.NAMESPACE, "--timeout=120s")
    print(f"removed from {context}: namespace {cast.NAMESPACE}, the chart's rights and admission policy")
    _remove_crds()
    return 0


def _remove_crds() -> None:
    """With a CRD go all its objects, so it stays where somebody has made policies of their own since."""
    if _kubectl("get", ",".join(CRDS[:2]), "--all-namespaces", "--ignore-not-found", "--output", "name"):
        print("the CRDs of foresize.dev are left: there are MemoryPolicies in other namespaces")
        return
    _kubectl("delete", "customresourcedefinitions", *CRDS, "--ignore-not-found", "--timeout=60s")
    print("removed the CRDs of foresize.dev")


def _require(prometheus_url: str) -> None:
    """Refuse before anything is asked or changed.

    Raises:
        MachineError: something is missing, or Foresize is there already.
    """
    if not prometheus_url:
        raise MachineError("FORESIZE_PROMETHEUS_URL is not set: the Prometheus that scrapes this cluster's kubelets")
    found = _kubectl("get", "customresourcedefinitions", *CRDS, "--ignore-not-found", "--output", "name")
    if found:
        raise MachineError(
            "Foresize is in this cluster already, and two operators would fight: apply a MemoryPolicy to a workload "
            "of yours, or, where it is an earlier demo's, run `make demo-down CLUSTER=current`"
        )


def _agreed(context: str) -> bool:
    print(
        f"On the cluster of context {context} this makes: namespace {cast.NAMESPACE}, two Deployments in it (72Mi of\n"
        "memory each, one is OOM-killed on purpose), the CRDs of foresize.dev, the chart's cluster roles and its\n"
        "admission policy. An operator runs on this machine meanwhile and acts in that namespace only.\n"
        "`make demo-down CLUSTER=current` removes all of it."
    )
    if os.environ.get("YES") == "1":
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("There is no terminal to ask on; YES=1 says yes.")
        return False
    return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}


def _install() -> None:
    _helm("upgrade", "--install", RELEASE, str(CHART), "--namespace", cast.NAMESPACE, "--create-namespace", "--set",
          f"operator.enabled=false,admission.webhook.replicas=0,fullnameOverride={ACCOUNT}")  # fmt: skip


def _start_operator(prometheus_url: str) -> None:
    """Run the operator here, with the rights of the chart's ServiceAccount and no more."""
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    kubeconfig = json.loads(_kubectl("config", "view", "--raw", "--minify", "--flatten", "--output", "json"))
    token = _kubectl("create", "token", ACCOUNT, "--namespace", cast.NAMESPACE, f"--duration={TOKEN_LIFE}").strip()
    kubeconfig["users"] = [{"name": each["name"], "user": {"token": token}} for each in kubeconfig["users"]]
    path = FOLDER / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(kubeconfig))
    settings = {
        "PROMETHEUS_URL": prometheus_url,
        "NAMESPACES": cast.NAMESPACE,
        "OPERATOR_NAMESPACE": cast.NAMESPACE,
        "TICK": "5s",
        "METRICS_PORT": str(free_port()),
        "PROBE_PORT": str(free_port()),
    }
    environment = {"KUBECONFIG": str(path), "PYTHONPATH": f"{REPOSITORY}/operator:{REPOSITORY}/forecaster"}
    environment |= {f"FORESIZE_{name}": value for name, value in settings.items()}
    processes.start(FOLDER, "operator", [sys.executable, "-c", PROGRAM, "run"], environment)


def _deployments() -> list[Mapping[str, Json]]:
    image = os.environ.get("FORESIZE_DEMO_IMAGE", "docker.io/library/python:3-slim")
    return [_deployment(name, image) for name in (cast.MANAGED, cast.UNMANAGED)]


def _deployment(name: str, image: str) -> Mapping[str, Json]:
    sizes = {"requests": {"memory": "72Mi"}, "limits": {"memory": "128Mi"}}
    container = {"name": "app", "image": image, "command": ["python3", "-c", HOLD], "resources": sizes}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": cast.NAMESPACE},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def _policies() -> list[Mapping[str, Json]]:
    applied = {"atCreation": True, "running": "InPlace"}
    return [cast.policy(cast.MANAGED, {"apply": applied}), cast.policy(cast.UNMANAGED, {})]


def _report(seen: Chronicle, clock: Clock, result: Path | None) -> int:
    managed, other = verdict.twin(seen.of(cast.MANAGED)), verdict.twin(seen.of(cast.UNMANAGED))
    raises = [raised for life in seen.of(cast.MANAGED) for raised in verdict.limit_raises(life.sizes)]
    facts = {
        "managed": vars(managed),
        "unmanaged": vars(other),
        "limit_raises": len(raises),
        "seconds": round(clock.seconds, 1),
    }
    if result is not None:
        result.write_text(json.dumps(facts, indent=1) + "\n")
    print("\n" + "\n".join(table.lines(table.rows(seen))))
    came_true = bool(raises) and managed.kills < other.kills
    print(
        "\nThe managed twin was killed once or twice, and lives since its limit was raised; the other is killed again "
        "and again."
        if came_true
        else "\nThe story did not come true; the operator's log tells more."
    )
    print(f"No forecast was shown: that takes an hour of history.\nLeft: namespace {cast.NAMESPACE}, and the operator.")
    print("make demo-down CLUSTER=current removes all of it.")
    return 0 if came_true else 1


def _apply(*manifests: Mapping[str, Json]) -> None:
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    _kubectl("apply", "--namespace", cast.NAMESPACE, "--filename", "-", stdin=body)


def _kubectl(*arguments: str, stdin: str | None = None) -> str:
    if shutil.which("kubectl") is None:
        raise MachineError("kubectl is not installed: CLUSTER=current uses your own")
    done = _run(["kubectl", *arguments], stdin)
    if done.returncode != 0:
        raise KubectlError(f"kubectl {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def _helm(*arguments: str) -> None:
    done = _run([shutil.which("helm") or str(parts.find_or_build(parts.HELM)), *arguments])
    if done.returncode != 0:
        raise HelmError(done.stderr.strip())


def _run(command: list[str], stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
