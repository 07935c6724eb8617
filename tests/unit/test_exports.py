"""What a pass found, as metrics."""

from __future__ import annotations

from dataclasses import replace

from builders import NOW_S, container, forecasted, mi, pod, size
from foresize import metrics
from foresize.reporting.exports import export
from foresize.reporting.forecasts import Look
from foresize_forecast.outlook import Shape, ShapeKind
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.state import WorkloadState
from foresize_forecast.workload import Observation, review

WEB, API = ("shop", "Deployment/web"), ("shop", "Deployment/api")


def look(limit_mib: float | None = 400) -> Look:
    """A look at one pod of 200 MiB that leaks."""
    view = container(present=size(200, limit_mib))
    seen = Observation(NOW_S, (pod(view),), {}, {"app": view.size}, QosClass.BURSTABLE)
    forecasts = {"app": forecasted([200.0] * 12, shape=Shape(ShapeKind.LEAKING, growth_bytes_per_s=1.0))}
    return Look(seen, review(WorkloadState(), seen, forecasts, WorkloadPolicy()), forecasts, applies=True)


def value(name: str, workload: str = "Deployment/web") -> float | None:
    """Of a metric of the container."""
    labels = {"namespace": "shop", "workload": workload, "container": "app"}
    return metrics.REGISTRY.get_sample_value(f"foresize_container_{name}", labels)


def test_sizes_peak_and_leak_are_shown() -> None:
    """The request and limit in force, the forecast's peak, and 1 for a leak."""
    export({WEB: look()})

    assert (mi(200), mi(400), mi(200), 1) == (
        value("request_bytes"),
        value("limit_bytes"),
        value("peak_bytes"),
        value("leaking"),
    )


def test_what_is_gone_disappears() -> None:
    """A workload that is no longer managed, and a limit that was taken away, leave no last value behind."""
    export({WEB: look(), API: look()})
    export({API: look(limit_mib=None)})

    assert (None, mi(200)) == (value("request_bytes"), value("request_bytes", "Deployment/api"))
    assert value("limit_bytes", "Deployment/api") is None


def test_blocked_pods_are_counted_by_obstacle() -> None:
    """Two pods without room are 2, and none are none."""

    def blocked() -> float | None:
        return metrics.REGISTRY.get_sample_value("foresize_pods_blocked", {"obstacle": str(Obstacle.REFUSED)})

    why = Blocked(Obstacle.REFUSED, "no room")
    export({WEB: replace(look(), blocked={"web-1": why, "web-2": why})})
    assert 2 == blocked()

    export({WEB: look()})
    assert blocked() is None
