"""Whose the pods are that were resized, once nobody remembers it any more."""

from __future__ import annotations

from typing import Any

from apiserver import serving
from foresize.commands.touched import all_touched
from objectserver import Objects

JOBS, CRON_JOBS = (f"/apis/batch/v1/namespaces/shop/{plural}" for plural in ("jobs", "cronjobs"))
POD_SPEC = {"containers": [{"name": "app", "resources": {"requests": {"memory": "64Mi"}}}]}
TEMPLATE = {"template": {"spec": POD_SPEC}}


def resized(objects: Objects, job: str) -> None:
    """A pod of a Job, resized by us."""
    metadata = {
        "ownerReferences": [{"kind": "Job", "name": job, "uid": f"uid-of-{job}", "controller": True}],
        "managedFields": [{"manager": "foresize", "operation": "Update", "subresource": "resize"}],
    }
    objects.put(f"/api/v1/namespaces/shop/pods/{job}-x", {"metadata": metadata, "spec": POD_SPEC, "status": {}})


def made_by(cron_job: str) -> dict[str, Any]:
    """The metadata of a Job that a CronJob made."""
    owner = {"kind": "CronJob", "name": cron_job, "uid": "uid-c", "controller": True}
    return {"ownerReferences": [owner]}


def test_a_job_is_a_cronjobs_by_its_owner_and_not_by_its_name() -> None:
    """A Job of its own with a date behind its name is released as itself, and one by hand as its CronJob's."""
    objects = Objects()
    objects.put(f"{CRON_JOBS}/nightly", {"spec": {"jobTemplate": {"spec": TEMPLATE}}})
    objects.put(f"{JOBS}/import-20261121", {"spec": TEMPLATE})
    objects.put(f"{JOBS}/nightly-by-hand", {"metadata": made_by("nightly"), "spec": TEMPLATE})
    for job in ("import-20261121", "nightly-by-hand", "nightly-29411520"):  # the last is gone, and its pod is left
        resized(objects, job)

    with serving(objects.answer) as api:
        found, missing = all_touched(api, "shop")

    assert [("CronJob", "nightly"), ("Job", "import-20261121")] == [(each.kind, each.name) for each in found]
    assert [] == missing
