"""The webhook makes of a pod what the admission policy of a real API server makes of it."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from births import Births
from foresize.webhook.birth import Sized, Unsized, birth
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for
from newborns import IGNORE, drawn, memory_of, patched, without_sizes

Json = dict[str, Any]
SEED, PODS = 136, 200


@pytest.fixture
def births(cluster: Cluster, chart: str, namespace: str) -> Births:
    del chart  # installed, which is all that is wanted
    return Births(cluster, namespace)


@pytest.fixture
def plain(cluster: Cluster, namespace: str) -> Iterator[Births]:
    """Where pods are created as their templates say, with all that the API server fills in."""
    name = f"plain-{namespace[-6:]}"
    cluster.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": IGNORE}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_for(f"ServiceAccount default of {name}", lambda: cluster.api.get(account), 20, every_s=0.02)
    yield Births(cluster, name)
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


def test_policy_and_webhook_agree(births: Births, plain: Births) -> None:
    """Of 200 pods of all kinds each gets the same sizes and annotation both ways, and nothing else differs."""
    random = Random(SEED)  # noqa: S311 - draws pods, guards nothing
    newborns = [drawn(random, number) for number in range(PODS)]
    sizes = {workload: entry for each in newborns for workload, entry in each.sizes.items()}
    births.publish(sizes)
    outcomes: Counter[str] = Counter()
    for each in newborns:
        by_policy, template = births.create(each.pod), plain.create(each.pod)
        by_webhook, outcome = decided(template, sizes)
        outcomes[outcome] += 1

        assert memory_of(by_webhook) == memory_of(by_policy), (each, outcome)
        assert without_sizes(by_webhook) == without_sizes(by_policy), (each, outcome)

    assert outcomes["sized"] >= PODS / 3
    assert {"ignored", "not owned", "no sizes", "unreadable", "BestEffort", "pod-level resources"} <= outcomes.keys()


def decided(template: Json, sizes: Json) -> tuple[Json, str]:
    """A pod after the webhook, and what it made of it; what it cannot understand it leaves alone."""
    try:
        found = birth(template, sizes, namespace_ignored=False)
    except ValueError:
        found = Unsized("doubtful")
    return (patched(template, found.patch), "sized") if isinstance(found, Sized) else (template, found.why)
