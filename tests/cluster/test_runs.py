"""Runs that end: a CronJob's and a Job's pods are born with what the runs before them earned."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from births import HASH, Births, container, job, pod, sizes_of
from foresize.config.quantities import memory_bytes
from foresize_dev import backfill, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import birth_sizes, see_passes
from scenes import MIB, forecast, policy, sizes
from scenes import now as current

Json = dict[str, Any]
PARTS = ("request", "limit")
RUN_STEP_S = 15
RUN_S = 300
PEAK_ROWS = 4
"""Of a run, at its end: it holds 20 MiB before."""


def test_a_cronjobs_fourth_run_is_born_with_what_three_earned(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Created by the CronJob's controller while the operator is dead, far below the template's size.

    Of a run that goes on the request follows its level, in place, and the limit stays. While the template has other
    arguments than those of the three, the next run has at least what it says.
    """
    history = [row for hours, peak in ((3, 60), (2, 60), (1, 64)) for row in _run(cluster, namespace, hours, peak)]
    cluster.apply(_cronjob(), _policy("CronJob", "nightly"), namespace=namespace)
    template = _cronjob()["spec"]["jobTemplate"]["spec"]["template"]
    now = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"nightly-{int(time.time() // 60) - 10}"}}
    cluster.apply(now | {"spec": {"template": template}}, namespace=namespace)
    workloads.wait_until_ready(cluster, namespace, "nightly")
    started = operator(prometheus(history=history).url, inventory_interval="1s")

    # headroom.py: three peaks, highest 64 and median 60 MiB: s = 4 / 1.149 = 3.48, d = 3.48 ln(640 / 10.4) = 14.3;
    # 64 + 14.3 + 4 that no sample shows = 82.3, in units of half a MiB 82.5.
    entry = wait_for("an entry in MemorySizes", lambda: birth_sizes(cluster, namespace).get("CronJob/nightly"), 30)
    assert {"app": {"request": "84480Ki", "limit": "84480Ki"}} == entry
    shown = wait_for("its forecast", lambda: forecast(cluster, namespace, "cronjob-nightly").get("summary"), 20)
    assert "Runs" == shown["model"]
    going = next(iter(workloads.pods(cluster, namespace, "nightly")))
    lowered = wait_for("the request of the run that goes on to be lowered", lambda: _lowered(cluster, going), 90)
    assert ("512Mi", 0) == (sizes(lowered)[1], workloads.restarts(lowered))

    _give_another_argument(cluster, namespace, "--other")
    owners = {"app": {"request": "256Mi", "limit": "512Mi"}}
    wait_for("the template's size", lambda: birth_sizes(cluster, namespace)["CronJob/nightly"] == owners, 20)
    _give_another_argument(cluster, namespace, None)
    wait_for("what is known of the first", lambda: birth_sizes(cluster, namespace)["CronJob/nightly"] == entry, 20)
    started.kill()
    _let_run(cluster, namespace)
    both = wait_for("a new run", lambda: _two(cluster, namespace), 75)

    born = next(each for each in both if each["metadata"]["uid"] != going["metadata"]["uid"])
    assert ("84480Ki", "84480Ki") == sizes_of(born)["app"]


def test_a_cronjobs_template_gets_what_three_runs_earned(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Where its manifest says nothing of memory, the template of its Jobs does; the next run has it without us."""
    history = [row for hours, peak in ((3, 60), (2, 60), (1, 64)) for row in _run(cluster, namespace, hours, peak)]
    manifest, asking = _cronjob(), _policy("CronJob", "nightly")
    pod = manifest["spec"]["jobTemplate"]["spec"]["template"]
    pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "10m"}}
    asking["spec"]["apply"] = {"template": True}
    cluster.apply(manifest, asking, namespace=namespace)
    operator(prometheus(history=history).url)

    def written() -> Json | None:
        item = cluster.api.get(f"/apis/batch/v1/namespaces/{namespace}/cronjobs/nightly")
        resources = item["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["resources"]
        return resources if "memory" in resources["requests"] else None

    # 82.5 MiB as above.
    expected = {"requests": {"cpu": "10m", "memory": "84480Ki"}, "limits": {"memory": "84480Ki"}}
    assert expected == wait_for("memory in the template", written, 40)


def _give_another_argument(cluster: Cluster, namespace: str, argument: str | None) -> None:
    """Change what the next runs do; None: back to what the first ones did."""
    container = {"name": "app", "args": None if argument is None else [argument]}
    template = {"template": {"spec": {"containers": [container]}}}
    patch = {"spec": {"jobTemplate": {"spec": template}}}
    cluster.api.request("PATCH", f"/apis/batch/v1/namespaces/{namespace}/cronjobs/nightly", patch)


def _lowered(cluster: Cluster, pod: Json) -> Json | None:
    """The pod, once its request is near the 20 MiB that runs need at their start."""
    now = current(cluster, pod)
    return now if memory_bytes(str(sizes(now)[0])) < 40 * MIB else None


def _let_run(cluster: Cluster, namespace: str) -> None:
    """Let a CronJob that was suspended since minutes ago go on: its controller makes up for the last run at once."""
    path = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/nightly"
    ago = datetime.fromtimestamp(time.time() - 300, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    merge = "application/merge-patch+json"
    cluster.api.request("PATCH", f"{path}/status", {"status": {"lastScheduleTime": ago}}, merge)
    cluster.api.request("PATCH", path, {"spec": {"suspend": False}}, merge)


def _two(cluster: Cluster, namespace: str) -> list[Json] | None:
    found: list[Json] = workloads.pods(cluster, namespace, "nightly")
    return found if len(found) == 2 else None


def test_a_killed_jobs_retry_has_twice_its_limit(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A Job that needs more than its template says lives at the second attempt, without any history."""
    big = job("big", Memhog({"SCHEDULE": "0s=10Mi,2s=90Mi"}, request="32Mi", limit="64Mi"))
    cluster.apply(_policy("Job", "big"), namespace=namespace)
    operator(prometheus().url, inventory_interval="1s")
    cluster.apply(big, namespace=namespace)

    def second() -> Json | None:
        pods = [pod for pod in workloads.pods(cluster, namespace, "big") if pod["status"]["phase"] == "Running"]
        return next((pod for pod in pods if sizes_of(pod)["app"] == ("32Mi", "128Mi")), None)

    retry = wait_for("a retry with twice the limit", second, 60)
    wait_for("it to hold what it needs", lambda: workloads.used_bytes(retry) > 85 * MIB, 20)
    kills = wait_for("its kill", lambda: forecast(cluster, namespace, "job-big")["containers"][0].get("kills"), 20)
    assert ["64Mi"] == [kill["limit"] for kill in kills]


def test_pods_of_one_label_share_their_runs(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Bare pods of generated names: the fourth has what three earned, with those deleted and the operator dead."""
    names = {f"etl-{letter * 5}": peak for letter, peak in (("b", 60), ("c", 60), ("d", 64))}
    history = [
        row for n, (name, peak) in enumerate(names.items()) for row in _run(cluster, namespace, 3 - n, peak, name)
    ]
    cluster.apply(*[_bare(name, {"LISTEN": "nowhere"}) for name in names], namespace=namespace)
    made = policy(history={"window": "1d", "step": "1m"})
    made["spec"]["target"] = {"selector": {"matchLabels": {"app": "etl"}}, "groupBy": "example.dev/job"}
    cluster.apply(made, namespace=namespace)
    started = operator(prometheus(history=history).url, inventory_interval="1s")
    key = "PodLabel/example.dev/job=nightly"

    entry = wait_for("an entry in MemorySizes", lambda: birth_sizes(cluster, namespace).get(key), 30)
    assert {"app": {"request": "84480Ki", "limit": "84480Ki"}} == entry
    cluster.kubectl("delete", "pods", "--namespace", namespace, "--now", *names)
    see_passes(started)
    assert entry == birth_sizes(cluster, namespace)[key]
    started.kill()
    cluster.apply(_bare("etl-fffff", {"HOLD": "20Mi"}), namespace=namespace)

    [born] = workloads.pods(cluster, namespace, "etl")
    assert ("84480Ki", "84480Ki") == sizes_of(born)["app"]


def test_init_containers_are_born_with_what_they_used(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Each start of a pod is a run of theirs: what three used is what the next one gets."""
    names = {f"web-{HASH}-{letter * 5}": peak for letter, peak in (("b", 60), ("c", 60), ("d", 64))}
    history = [
        row
        for n, (name, peak) in enumerate(names.items())
        for row in _run(cluster, namespace, 3 - n, peak, name, "setup")
    ]
    web = workloads.deployment("web", Memhog({}, request="64Mi", limit="128Mi", replicas=0))
    setup = Memhog({}, request="32Mi", limit="50Mi", container="setup").spec()
    setup.pop("readinessProbe")
    web["spec"]["template"]["spec"]["initContainers"] = [setup]
    cluster.apply(web, policy(history={"window": "1d", "step": "1m"}), namespace=namespace)
    operator(prometheus(history=history).url)

    def entry() -> Json | None:
        found: Json = birth_sizes(cluster, namespace).get("Deployment/web", {})
        return found.get("setup")

    assert ("84480Ki", "84480Ki") == tuple(wait_for("an entry in MemorySizes", entry, 30)[part] for part in PARTS)
    body = pod(container("app", "64Mi", "128Mi"))
    body["spec"]["initContainers"] = [container("setup", "32Mi", "50Mi")]
    sized = {"app": ("64Mi", "128Mi"), "setup": ("84480Ki", "84480Ki")}
    births = Births(cluster, namespace)
    wait_for("a pod with these sizes", lambda: sizes_of(births.create(body)) == sized, 20)


def _bare(name: str, environment: dict[str, str]) -> Json:
    """A pod that nobody controls, as a workflow engine makes them."""
    template = job(name, Memhog(environment, request="256Mi", limit="512Mi"))["spec"]["template"]
    labels = {"app": "etl", "example.dev/job": "nightly"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": template["spec"]}


def _run(  # noqa: PLR0913, PLR0917 - what a run is made of
    cluster: Cluster, namespace: str, hours_ago: float, peak_mib: float, pod: str = "", container: str = "app"
) -> list[backfill.Series]:
    """The series of a run of five minutes that began so long ago, under the name that a CronJob's would have."""
    start_s = time.time() - hours_ago * 3600
    node = cluster.api.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    name = pod or f"nightly-{int(start_s // 60)}-bcdfg"
    rows = RUN_S // RUN_STEP_S
    values = [20 * MIB] * (rows - PEAK_ROWS) + [peak_mib * MIB] * PEAK_ROWS
    return backfill.container_memory(
        {"namespace": namespace, "pod": name, "node": node}, container, start_s, RUN_STEP_S, values
    )


def _cronjob() -> Json:
    """A CronJob of each minute that does not start yet."""
    template = job("nightly", Memhog({"HOLD": "20Mi"}, request="256Mi", limit="512Mi"))["spec"]["template"]
    spec = {"schedule": "* * * * *", "suspend": True, "jobTemplate": {"spec": {"template": template}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": spec}


def _policy(kind: str, name: str) -> Json:
    made = policy(history={"window": "1d", "step": "1m"})
    made["spec"]["target"] = {"ref": {"apiVersion": "batch/v1", "kind": kind, "name": name}}
    return made
