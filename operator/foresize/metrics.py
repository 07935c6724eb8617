"""Every metric that the operator serves, by name. One module, so that alerts and dashboards can be held against it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

REGISTRY = CollectorRegistry()
CONTAINER = ("namespace", "workload", "container")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

REQUEST = Gauge("foresize_container_request_bytes", "Memory request in force.", CONTAINER, registry=REGISTRY)
LIMIT = Gauge("foresize_container_limit_bytes", "Memory limit in force.", CONTAINER, registry=REGISTRY)
WANTED_REQUEST = Gauge("foresize_container_wanted_request_bytes", "Request decided on.", CONTAINER, registry=REGISTRY)
WANTED_LIMIT = Gauge("foresize_container_wanted_limit_bytes", "Limit decided on.", CONTAINER, registry=REGISTRY)
PEAK = Gauge("foresize_container_peak_bytes", "Forecast peak of the horizon.", CONTAINER, registry=REGISTRY)
LEAKING = Gauge("foresize_container_leaking", "1 while the container leaks memory.", CONTAINER, registry=REGISTRY)

RESIZES = Counter(
    "foresize_resizes_total",
    "Resizes asked of the API server, by why and how they ended.",
    ("reason", "result"),
    registry=REGISTRY,
)
BLOCKED = Gauge(
    "foresize_pods_blocked", "Pods that cannot have their target now, by obstacle.", ("obstacle",), registry=REGISTRY
)
TEMPLATES = Counter(
    "foresize_template_writes_total",
    "Pod templates asked of the API server, by how they ended.",
    ("result",),
    registry=REGISTRY,
)
EVICTIONS = Counter(
    "foresize_evictions_total",
    "Evictions asked of the API server, by why and how they ended.",
    ("reason", "result"),
    registry=REGISTRY,
)
EVICTIONS_HELD = Gauge(
    "foresize_evictions_held",
    "Pods that an eviction would help and that are not evicted now, by what says no.",
    ("reason",),
    registry=REGISTRY,
)
KILLS = Counter(
    "foresize_oom_kills_total", "OOM kills seen in managed pods.", ("namespace", "workload"), registry=REGISTRY
)
UNSIZED = Counter(
    "foresize_pods_born_unsized_total",
    "Managed pods created without the size that MemorySizes holds for them.",
    ("namespace", "workload"),
    registry=REGISTRY,
)
DECREASES_STOPPED = Gauge(
    "foresize_decreases_stopped",
    "1 while nothing is lowered because kills rise all over the cluster.",
    registry=REGISTRY,
)
KILL_TO_RESIZE = Histogram(
    "foresize_kill_to_resize_seconds",
    "From the event of a container running again to the answer of its resize.",
    buckets=SECONDS,
    registry=REGISTRY,
)

PASS_SECONDS = Histogram(
    "foresize_pass_seconds", "Time of a pass, by step.", ("step",), buckets=SECONDS, registry=REGISTRY
)
PASS_AT = Gauge(
    "foresize_pass_last_success_timestamp_seconds", "End of the last good pass.", ("loop",), registry=REGISTRY
)
PASS_ERRORS = Counter(
    "foresize_pass_errors_total", "Passes, or policies in a pass, that failed.", ("loop",), registry=REGISTRY
)
SAMPLE_AGE = Gauge(
    "foresize_newest_sample_age_seconds", "Age of the newest sample of managed containers.", registry=REGISTRY
)
API_WRITES = Counter("foresize_api_writes_total", "Writes to the API server.", ("resource", "code"), registry=REGISTRY)
LEADER = Gauge("foresize_leader", "1 while this process holds the lease.", registry=REGISTRY)
POLICIES = Gauge("foresize_policies", "Policies, by whether they are ready.", ("ready",), registry=REGISTRY)


def serve(port: int) -> None:
    """Serve the metrics page in a thread of its own.

    Raises:
        OSError: the port is taken.
    """
    start_http_server(port, registry=REGISTRY)
