"""How fast the webhook answers, how fast it starts and how much memory it takes, over real TLS from another process.

Usage: python bench/webhook.py [--rate 500] [--seconds 20] [--namespaces 50] [--workloads 100].
A stand-in for the API server tells the webhook of so many namespaces with so many workloads each; then AdmissionReviews
of pods of all of them are sent at a steady rate over a few connections that stay open, as the API server's do. Each is
due at its own moment: where one answer is late, the time of those that wait behind it counts too. The figures are
printed, and added to the JSON file that the environment variable BENCH_JSON names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from foresize.webhook.certificates import made
from foresize.webhook.known import NAMESPACES_PATH, SIZES_PATH
from foresize.webhook.server import PATH
from foresize.webhook.serving import Shown

Json = dict[str, Any]
ROOT = Path(__file__).parents[1]
HASH = "5d9c7b6f4"
PODS, CONNECTIONS, WARM_S = 200, 16, 2.0
TARGET_MS, TARGET_START_S, TARGET_BYTES = 5.0, 2.0, 64 << 20
MIB = 1 << 20


def review(number: int, namespaces: int, workloads: int) -> bytes:
    """Of a pod with two containers and a sidecar, as large as those that API servers send: 4 kB."""
    chance = random.Random(number)  # noqa: S311 - draws names, guards nothing
    name = f"web-{chance.randrange(workloads)}"
    env = [{"name": f"VARIABLE_{index}", "value": "x" * 40} for index in range(12)]
    sizes = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    containers = [{"name": each, "image": "x", "env": env, "resources": sizes} for each in ("app", "log")]
    proxy = {"name": "proxy", "image": "x", "restartPolicy": "Always", "resources": sizes}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-{HASH}", "uid": "u", "controller": True}
    metadata = {
        "generateName": f"{name}-{HASH}-",
        "labels": {"pod-template-hash": HASH},
        "ownerReferences": [owner],
        "managedFields": [{"manager": "kube-controller-manager", "fieldsV1": {"f:spec": {"f": "x" * 900}}}],
    }
    request = {
        "uid": f"00000000-0000-0000-0000-{number:012}",
        "operation": "CREATE",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": f"team-{chance.randrange(namespaces)}",
        "object": {"metadata": metadata, "spec": {"containers": containers, "initContainers": [proxy]}},
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def api_server(namespaces: int, workloads: int) -> web.Application:
    """A stand-in that lists, and whose watches bring nothing."""
    size = {"request": "100Mi", "limit": "200Mi", "revisions": [HASH]}
    sizes = {f"Deployment/web-{number}": dict.fromkeys(("app", "log", "proxy"), size) for number in range(workloads)}
    names = [f"team-{number}" for number in range(namespaces)]
    lists: dict[str, list[Json]] = {
        SIZES_PATH: [{"metadata": {"namespace": each, "name": "foresize"}, "spec": {"sizes": sizes}} for each in names],
        NAMESPACES_PATH: [{"metadata": {"name": each}} for each in names],
    }

    async def collection(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.sleep(3600)
            return response
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": lists[request.path]})

    application = web.Application()
    application.add_routes([web.get(path, collection) for path in lists])
    return application


async def sent(port: int, context: ssl.SSLContext, reviews: list[bytes], rate: float, seconds: float) -> list[float]:
    """Send so many a second and return how long each took, in seconds from when it was due."""
    taken: list[float] = []
    connector = aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS)
    async with aiohttp.ClientSession(f"https://localhost:{port}", connector=connector) as session:

        async def one(body: bytes, due_s: float) -> None:
            async with session.post(PATH, data=body, headers={"Content-Type": "application/json"}) as answer:
                text = await answer.read()
            taken.append(time.perf_counter() - due_s)
            if b'"patch"' not in text:
                raise RuntimeError(f"not sized: {text!r}")

        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                due_s = began_s + number / rate
                if (early_s := due_s - time.perf_counter()) > 0:
                    await asyncio.sleep(early_s)
                tasks.create_task(one(reviews[number % len(reviews)], due_s))
    return taken


async def ready(probe_port: int) -> None:
    """Wait until the webhook is ready."""
    async with aiohttp.ClientSession(f"http://localhost:{probe_port}") as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get("/readyz") as answer:
                    if answer.status == 200:  # noqa: PLR2004 - HTTP's own
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.005)


def resident_bytes(pid: int) -> int:
    """Memory that a process uses now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def measured(arguments: argparse.Namespace, folder: Path) -> Json:
    """Start a webhook beside a stand-in for the API server, ask it, and tell what it took."""
    pair, authority = made(("localhost",), 3600, time.time())
    files = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority, "token": b"t"}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    shown = Shown()
    shown.show(pair)
    runner = web.AppRunner(api_server(arguments.namespaces, arguments.workloads), access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=shown.context)
    await site.start()
    api_port, port, probe_port = runner.addresses[0][1], 18443, 18081
    command = [sys.executable, "-m", "foresize.webhook", f"--port={port}", f"--probe-port={probe_port}", "--drain=0s"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "operator"),
        "KUBERNETES_SERVICE_HOST": "localhost",
        "KUBERNETES_SERVICE_PORT": str(api_port),
    }
    began_s = time.perf_counter()
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program
        [*command, f"--account-folder={folder}", f"--certificate-folder={folder}"], env=environment
    )
    try:
        await ready(probe_port)
        start_s = time.perf_counter() - began_s
        idle_bytes = resident_bytes(process.pid)
        context = ssl.create_default_context(cadata=authority.decode())
        reviews = [review(number, arguments.namespaces, arguments.workloads) for number in range(PODS)]
        await sent(port, context, reviews, arguments.rate, WARM_S)
        taken = sorted(await sent(port, context, reviews, arguments.rate, arguments.seconds))
        used_bytes = resident_bytes(process.pid)
    finally:
        process.terminate()
        process.wait(30)
        await runner.cleanup()
    return {
        "rate": arguments.rate,
        "reviews": len(taken),
        "review_bytes": sum(map(len, reviews)) // len(reviews),
        "workloads": arguments.namespaces * arguments.workloads,
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[len(taken) * 99 // 100] * 1000,
        "longest_ms": taken[-1] * 1000,
        "start_s": start_s,
        "idle_bytes": idle_bytes,
        "used_bytes": used_bytes,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--namespaces", type=int, default=50)
    parser.add_argument("--workloads", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(arguments, Path(folder)))
    print(f"{found['reviews']} reviews of {found['review_bytes']} bytes at {found['rate']:g} a second, ", end="")
    print(f"{found['workloads']} workloads known")
    print(f"  p50 {found['p50_ms']:.2f} ms, p99 {found['p99_ms']:.2f} ms (target {TARGET_MS:g}), ", end="")
    print(f"longest {found['longest_ms']:.1f} ms")
    print(f"  ready {found['start_s']:.2f} s after its start (target {TARGET_START_S:g})")
    print(f"  {found['idle_bytes'] / MIB:.1f} MiB, then {found['used_bytes'] / MIB:.1f} MiB ", end="")
    print(f"(target {TARGET_BYTES // MIB})")
    if path := os.environ.get("BENCH_JSON"):
        file = Path(path)
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**before, "webhook": found}, indent=1))


if __name__ == "__main__":
    main()
