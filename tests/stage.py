"""The operator's parts around a server of objects, for tests of looks and passes: no loops, no pod watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apiserver import serving
from builders import NOW_S, container, forecasted, pod, size
from foresize.config.settings import Settings
from foresize.doors.admission import Admission
from foresize.kube.lease import Fence
from foresize.passes.actpass import ActPass
from foresize.passes.attend import Attendant
from foresize.passes.moving import Mover
from foresize.passes.refit import Forecasts
from foresize.passes.senses import Foreseen
from foresize.passes.sleeping import Sleeper
from foresize.passes.templating import Templater
from foresize.reporting.announce import Announcer
from foresize.reporting.events import Events
from foresize.reporting.records import Records
from foresize.sources.reader import FromPrometheus
from foresize_forecast.pods import PodView
from foresize_forecast.prometheus import Source
from objectserver import Objects

OURS = "/apis/foresize.dev/v1alpha1/namespaces/shop"
POLICY = f"{OURS}/memorypolicies/web"
FORECAST = f"{OURS}/memoryforecasts/deployment-web"
SIZES = f"{OURS}/memorysizes/foresize"
Json = dict[str, Any]


class Watch:
    """Pods, as a pod watch tells them."""

    def __init__(self) -> None:
        self.pods: list[PodView] = []

    def pods_of(self, namespace: str, owner: str) -> tuple[PodView, ...]:
        """Those of a controller."""
        return tuple(pod for pod in self.pods if (pod.namespace, pod.owner) == (namespace, owner))

    def pods_within(self, namespace: str) -> tuple[PodView, ...]:
        """Those of a namespace."""
        return tuple(pod for pod in self.pods if pod.namespace == namespace)

    def killed(self) -> tuple[PodView, ...]:
        """None of them has ended."""
        return ()

    def snapshot(self) -> dict[str, PodView]:
        """All, by uid."""
        return {pod.uid: pod for pod in self.pods}

    def requested_by_daemons(self) -> dict[str, int]:
        """Nothing either."""
        return {}

    def requested_by_node(self) -> dict[str, int]:
        """Nothing: the nodes have no names here."""
        return {}


class Stage:
    """Everything that a pass needs, with a lease that is held until `held` says otherwise."""

    def __init__(self, objects: Objects, api: Any, settings: Settings, source: Source | None = None) -> None:
        self.objects, self.held, self.watch = objects, True, Watch()
        self.fence = Fence(lambda: self.held)
        self.records = Records(api, lambda: self.held)
        self.admission = Admission(api, self.fence)
        self.events = Events(api, "test")
        self.forecasts = Forecasts()
        self.attendant = Attendant(api, self.fence, self.records, self.events)
        self.mover = Mover(
            settings,
            api,
            self.fence,
            attendant=self.attendant,
            records=self.records,
            admission=self.admission,
            events=self.events,
        )
        self.sleeper = Sleeper(api, self.fence, self.attendant, self.records, self.events)
        self.acts = ActPass(
            settings,
            api,
            source=None if source is None else FromPrometheus(source),
            watch=self.watch,  # type: ignore[arg-type]  # what a pass asks of it
            attendant=self.attendant,
            admission=self.admission,
            records=self.records,
            forecasts=self.forecasts,
            announcer=Announcer(self.events),
            templater=Templater(api, self.fence, self.attendant, self.records, self.events),
            mover=self.mover,
            sleeper=self.sleeper,
        )

    def foresee(self, name: str, demand_mib: float) -> None:
        """A forecast of a steady demand for a Deployment's container."""
        made = {"app": forecasted([demand_mib] * 12)}
        self.forecasts.foreseen[("shop", f"Deployment/{name}")] = Foreseen(made, made_at_s=NOW_S * 2)

    def run(self, *pods: PodView) -> list[tuple[str, str]]:
        """One pass over these pods, and the writes that it made."""
        self.watch.pods = list(pods)
        before = len(self.objects.writes())
        self.acts.run()
        return [each for each in self.objects.writes()[before:] if not each[1].endswith("/events")]


@contextmanager
def staged(objects: Objects, settings: Settings | None = None, source: Source | None = None) -> Iterator[Stage]:
    """A stage at a server that holds these objects, and at a Prometheus if there is one."""
    with serving(objects.answer) as api:
        stage = Stage(objects, api, settings or Settings(), source)
        yield stage
        stage.events.close()


def policy(objects: Objects, name: str = "web", **spec: Any) -> None:
    """A MemoryPolicy for the Deployment of its name, that applies all it can unless told otherwise."""
    target = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}
    metadata = {"generation": 1, "creationTimestamp": "2026-11-01T00:00:00Z"}
    applied = {"target": target, "apply": {"atCreation": True, "running": "InPlace"}, **spec}
    objects.put(f"{OURS}/memorypolicies/{name}", {"metadata": metadata, "spec": applied})


def clusters_policy(objects: Objects, name: str = "all", **spec: Any) -> str:
    """A ClusterMemoryPolicy for all that is in namespaces with the label `memory: sized`; returns its path."""
    metadata = {"generation": 1, "creationTimestamp": "2020-01-01T00:00:00Z"}
    about = {"namespaceSelector": {"matchLabels": {"memory": "sized"}}, "target": {"selector": {}}}
    path = f"/apis/foresize.dev/v1alpha1/clustermemorypolicies/{name}"
    applied = {**about, "apply": {"atCreation": True, "running": "InPlace"}, **spec}
    objects.put(path, {"metadata": metadata, "spec": applied})
    return path


def deployment(objects: Objects, name: str = "web") -> None:
    """A Deployment of one container of 64 MiB, at most 128."""
    resources = {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "resources": resources}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "observedGeneration": 1}
    objects.put(
        f"/apis/apps/v1/namespaces/shop/deployments/{name}",
        {"metadata": {"generation": 1}, "spec": spec, "status": counts},
    )


def living(objects: Objects, name: str = "web", **changes: Any) -> PodView:
    """A pod of a Deployment: as the watch knows it, and on the server."""
    objects.put(f"/api/v1/namespaces/shop/pods/{name}-abc-1", {})
    view = container(present=size(64, 128))
    return pod(view, name=f"{name}-abc-1", uid=f"uid-{name}", owner=f"Deployment/{name}", **changes)
