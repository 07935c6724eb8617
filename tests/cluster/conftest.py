"""Fixtures of the tests against a real cluster: one cluster for the whole run, a namespace for each test.

What a test asks for, by name:

    cluster     `foresize_dev.cluster.Cluster`, booted once: `.kubectl(...)`, `.api.get(path)`, `.apply(manifest)`,
                `.audit`. Its second node takes no pods but within `crowding.opened`.
    namespace   name of a namespace of the test's own, ready for pods; deleted after the test.
    prometheus  function: `prometheus(history=[...], scrape_interval_s=1)` starts a real one that scrapes the nodes and
                has the given past (`foresize_dev.backfill.container_memory`); stopped after the test.
    chart       what every operator needs: the CRDs and the chart's RBAC, installed once with Helm. No operator runs.
    older_cluster  one of an older Kubernetes, for a module; such modules come first, for one cluster is up at a time.
    empty_cluster  one node without the chart, for a module in the same way.
    small_cluster  two nodes of which pods may have 1 GiB each, for a module in the same way.
    operator    function: `operator(prometheus.url, tick="1s")` starts one as a process with the ServiceAccount's
                rights, limited to the test's namespace. `.stop()`, `.kill()`, `.start()` again, `.log()`, and `.user`
                for the audit log.

Beside them: `foresize_dev.workloads` (Deployments that hold memory, the limit in the kernel), `foresize_dev.waiting`
(every wait has a deadline and says what for) and `cluster.audit` (`mark()`, then `writes(user=..., since=mark)`).
For annotations there are `StartPrometheus` and `StartOperator` in `foresize_dev.fixtures`.

All tests in this folder have the marker `cluster`. They are skipped where the machine cannot run a node, naming what
is missing; with FORESIZE_REQUIRE_CLUSTER=1 they fail instead. FORESIZE_KEEP_CLUSTER=1 leaves the cluster up and takes
the one of the last run. When a test fails, the end of the operator's log is in its report and all logs are kept.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from crowding import CLOSED, SECOND, taint
from foresize_dev import backfill, helm, lanes, leastrights, machine, parts, processes, teardown
from foresize_dev import cluster as clusters
from foresize_dev import prometheus as prometheuses
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.places import TEST_STATE
from foresize_dev.prometheus import Prometheus
from foresize_dev.waiting import wait_for
from releases import CHART

HERE = Path(__file__).parent
NAMESPACE_DEADLINE_S = 20
OLDER = "1.35"
SMALL_BYTES = 1 << 30
OWN = {"older_cluster", "small_cluster", "empty_cluster"}
"""Clusters of a module's own."""
LOG_LINES_SHOWN = 60


FAILED = pytest.StashKey[bool]()


def pytest_configure() -> None:
    lanes.enter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
    # The cluster of all other tests is up until the end of the run, and two at a time cannot be (in one lane). Then
    # the long files, so that lanes end together.
    tests = Counter(item.path for item in items)
    own = {item.path for item in items if OWN.intersection(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: (item.path not in own, -tests[item.path], item.path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and HERE in item.path.parents:
        item.config.stash[FAILED] = True
        log = processes.log_path(TEST_STATE, "operator")
        if log.exists():
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            report.sections.append(("end of the operator's log", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    keep = os.environ.get("FORESIZE_KEEP_CLUSTER") == "1"
    running = (clusters.attach(TEST_STATE) if keep else None) or _two_nodes()
    yield running
    if not keep:
        _stop(running, request)


@pytest.fixture(scope="module")
def older_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    running = _started(clusters.Options(state=TEST_STATE, emulated_version=OLDER))
    yield running
    _stop(running, request)


@pytest.fixture(scope="module")
def small_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    running = _two_nodes(SMALL_BYTES)
    yield running
    _stop(running, request)


@pytest.fixture(scope="module")
def empty_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    running = _started(clusters.Options(state=TEST_STATE))
    yield running
    _stop(running, request)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    name = _namespace_name(request.node.nodeid)
    cluster.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_for(f"ServiceAccount default of {name}", lambda: cluster.api.get(account), NAMESPACE_DEADLINE_S, every_s=0.02)
    yield name
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def prometheus(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[StartPrometheus]:
    servers: list[Prometheus] = []

    def start(
        history: Sequence[backfill.Series] = (), scrape_interval_s: int = 1, web: Mapping[str, object] | None = None
    ) -> Prometheus:
        options = prometheuses.Options(history=history, scrape_interval_s=scrape_interval_s, web=web or {})
        name = f"prometheus-{_digest(request.node.nodeid)}-{len(servers)}"
        servers.append(prometheuses.start(cluster.state, options, cluster, name))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def chart(cluster: Cluster) -> str:
    helm.install(cluster, CHART)
    return helm.RELEASE


@pytest.fixture
def operator(cluster: Cluster, chart: str, namespace: str) -> Iterator[StartOperator]:
    del chart  # installed, which is all that is wanted
    operators: list[Operator] = []

    def start(prometheus_url: str, **settings: str) -> Operator:
        given = {name.replace("_", "-"): value for name, value in settings.items()}
        defaults = {"prometheus-url": prometheus_url, "namespaces": namespace, "tick": "1s", "lease-duration": "5s"}
        operators.append(Operator(cluster, {**defaults, **given}))
        processes.log_path(cluster.state, operators[-1].name).unlink(missing_ok=True)
        return operators[-1].start()

    yield start
    for one in operators:
        one.stop()
        one.forget_lease()


def _started(options: clusters.Options) -> Cluster:
    """A new cluster; skips or fails where this machine cannot run one."""
    refuse: Callable[[str], NoReturn] = (
        pytest.fail if os.environ.get("FORESIZE_REQUIRE_CLUSTER") == "1" else pytest.skip
    )
    if lacking := [*machine.missing_for_node(), *machine.missing_for_prometheus(), *_missing_parts()]:
        refuse("no cluster here, missing: " + "; ".join(lacking))
    try:
        return clusters.start(options)
    except clusters.MachineError as error:
        refuse(str(error))


def _two_nodes(memory_bytes: int | None = None) -> Cluster:
    """A new cluster whose second node is closed: where pods land is the tests' own choice."""
    options = clusters.Options(state=TEST_STATE, nodes=("node-1", SECOND), node_memory_bytes=memory_bytes)
    running = _started(options)
    taint(running, SECOND, CLOSED)
    return running


def _stop(running: Cluster, request: pytest.FixtureRequest) -> None:
    failed = request.config.stash.get(FAILED, False)
    leastrights.record(running.audit)
    running.stop(keep_logs=failed)
    if failed:
        print(f"\nlogs of the cluster: {TEST_STATE / 'log'}")  # noqa: T201 - for the person who reads the failure
    else:
        assert teardown.leftovers(TEST_STATE) == []


def _missing_parts() -> list[str]:
    """Not built here: a build of minutes would run into a test's time limit."""
    wanted: Callable[[parts.Part], object] = parts.find
    try:
        absent = [part.name for part in parts.ALL if wanted(part) is None]
    except parts.BuildError as error:
        return [str(error)]
    return [f"the built parts {', '.join(absent)} (make parts)"] if absent else []


def _namespace_name(test: str) -> str:
    """A name that says which test it is, short enough for Kubernetes, new in each run on a kept cluster."""
    words = re.sub(r"[^a-z0-9]+", "-", test.rpartition("::")[2].lower().removeprefix("test_")).strip("-")
    return f"{words[:40].strip('-')}-{_digest(test + os.urandom(8).hex())}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
