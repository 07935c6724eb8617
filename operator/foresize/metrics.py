"""Every metric that the operator serves, by name. One module, so that alerts and dashboards can be held against it.

A container's own are bounded in number by the setting `metrics_containers`; all others have labels of few values.
Times are Unix seconds rather than ages, so that an operator that stands still is seen to.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

REGISTRY = CollectorRegistry()
WORKLOAD = ("namespace", "workload")
CONTAINER = (*WORKLOAD, "container")
POLICY = ("namespace", "policy")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

for collector in (ProcessCollector, PlatformCollector, GCCollector):
    collector(registry=REGISTRY)


def _container(name: str, text: str, *more: str) -> Gauge:
    return Gauge(f"foresize_container_{name}", text, (*CONTAINER, *more), registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"foresize_{name}", text, labels, registry=REGISTRY)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"foresize_{name}", text, labels, registry=REGISTRY)


def _seconds(name: str, text: str, *labels: str) -> Histogram:
    return Histogram(f"foresize_{name}", text, labels, buckets=SECONDS, registry=REGISTRY)


# One container of a workload: its pods have one size.
REQUEST = _container("request_bytes", "Memory request in force, of the largest of its pods.")
LIMIT = _container("limit_bytes", "Memory limit in force, of the largest of its pods.")
WANTED_REQUEST = _container("wanted_request_bytes", "Request decided on.")
WANTED_LIMIT = _container("wanted_limit_bytes", "Limit decided on.")
USAGE = _container("usage_bytes", "Newest sample of memory, of the largest of its pods.")
PODS = _container("pods", "Its living pods.")
SAVED = _container("saved_bytes", "What its owner wrote as request less what is in force, over all its pods.")
EXCESS = _container("excess_request_bytes", "Request in force less what is wanted, over all its pods.")
FORECAST = _container("forecast_bytes", "Highest usage expected in the present interval of the forecast.")
PEAK = _container("peak_bytes", "What usage stays below for the whole horizon, on 99 days of 100.")
PEAK_AT = _container("peak_timestamp_seconds", "When the forecast is highest.")
MODEL = _container("model_info", "Model that forecasts it and the shape of its curve; always 1.", "model", "shape")
BACKTEST_COST = _container("backtest_cost_bytes", "Mean cost of the model's sizes in the backtest: bytes and kills.")
BASELINE_COST = _container("baseline_cost_bytes", "The same of the baseline that it was compared with.")
COVERAGE = _container("backtest_coverage_ratio", "Share of the backtest's intervals in which usage stayed within.")
SLACK = _container("backtest_slack_ratio", "Mean share of the backtest's levels that was not used.")
LEAKING = _container("leaking", "1 while the container leaks memory.")
LEAK_LEFT = _container("leak_limit_seconds", "Seconds until a leak meets its limit, at its mean rate.")
NO_FORECAST = _container("no_forecast", "1 for a container without a forecast, by why.", "reason")
KILLS = Counter("foresize_oom_kills_total", "OOM kills seen in managed pods.", CONTAINER, registry=REGISTRY)

# Workloads and policies.
UNSIZED = Counter(
    "foresize_pods_born_unsized_total",
    "Managed pods created without the size that MemorySizes holds for them.",
    WORKLOAD,
    registry=REGISTRY,
)
RESIZE_PENDING = _gauge(
    "resize_pending_seconds", "How long a pod's resize has not been carried out, of the longest.", *WORKLOAD, "phase"
)
BUDGET = _gauge("policy_budget_bytes", "Requests that a policy with a budget may give.", *POLICY)
BUDGET_LEFT = _gauge("policy_budget_left_bytes", "Of these, what is not in force; negative where more is.", *POLICY)
BUDGET_SHARE = _gauge("policy_budget_share_ratio", "Least share that a workload gets of what it wants.", *POLICY)
POLICIES = _gauge("policies", "Policies, by whether they are ready.", "ready")

# The fleet, by namespace: there however many containers have metrics of their own.
CONTAINERS = _gauge("containers", "Managed containers, by the reason of their last decision.", "reason")
LEFT_OUT = _gauge("containers_left_out", "Managed containers without metrics of their own, for there are too many.")
NAMESPACE_REQUESTED = _gauge("namespace_requested_bytes", "Requests in force of managed pods.", "namespace")
NAMESPACE_SAVED = _gauge("namespace_saved_bytes", "What owners wrote as requests less what is in force.", "namespace")
NAMESPACE_EXCESS = _gauge("namespace_excess_request_bytes", "Requests in force less what is wanted.", "namespace")
IDLE = _gauge("idle_pods", "Managed pods that do nothing.", "namespace")
BLOCKED = _gauge("pods_blocked", "Pods that cannot have their target now, by obstacle.", "obstacle")
DECREASES_STOPPED = _gauge("decreases_stopped", "1 while nothing is lowered because kills rise all over the cluster.")

# Nodes, ahead of time.
NODE_DEMAND = _gauge(
    "node_demand_bytes", "What a node's pods are foretold to use together at most.", "node", "horizon", "quantile"
)
NODE_CORRECTION = _gauge(
    "node_forecast_correction",
    "By what rises of nodes' demand stated for 1 time in 20 are multiplied, as came of those stated before.",
    "horizon",
)
NODE_ROOM = _gauge("node_room_bytes", "Memory of a node above whose use by pods the kubelet evicts.", "node")
NODE_RISK = _gauge("node_pressure_risk", "Probability that a node is short within the hour.", "node")
NODE_MISSING = _gauge(
    "node_missing_bytes", "What a node lacks within the hour once all pods that may leave it have.", "node"
)
NODE_STRANDED = _gauge(
    "node_stranded_bytes", "Free memory of a node that is too little for any pod that waits or a usual one.", "node"
)
NODE_REACHED = _gauge(
    "node_pressure_seconds", "Until a node's forecast demand meets its eviction threshold; absent where not.", "node"
)

# What was done.
RESIZES = _counter("resizes", "Resizes asked of the API server, by why and how they ended.", "reason", "result")
TEMPLATES = _counter("template_writes", "Pod templates asked of the API server, by how they ended.", "result")
SCALINGS = _counter("scalings", "Idle workloads asked to be scaled down or up, by how that ended.", "way", "result")
ASLEEP = _gauge("workloads_asleep", "Workloads scaled to zero because they were idle.")
EVICTIONS = _counter("evictions", "Evictions asked of the API server, by why and how they ended.", "reason", "result")
EVICTIONS_HELD = _gauge(
    "evictions_held", "Pods that an eviction would help and that are not evicted now, by what says no.", "reason"
)
EVICTIONS_LEFT = _gauge("evictions_left", "Evictions that the cluster's budget of an hour still allows.")
KILL_TO_RESIZE = _seconds(
    "kill_to_resize_seconds", "From the event of a container running again to the answer of its resize."
)

# The operator itself.
PASS_SECONDS = _seconds("pass_seconds", "Time of a pass, by step.", "step")
PASS_AT = _gauge("pass_last_success_timestamp_seconds", "End of the last good pass.", "loop")
PASS_ERRORS = _counter("pass_errors", "Passes, or policies in a pass, that failed.", "loop")
SAMPLE_AT = _gauge("newest_sample_timestamp_seconds", "When the newest sample of managed containers was taken.")
QUERY_SECONDS = _seconds("prometheus_query_seconds", "Time of a query to Prometheus, its retries included.", "kind")
REFUSALS = _counter("prometheus_refusals", "Queries that Prometheus did not answer, by why.", "reason")
API_SECONDS = _seconds("api_request_seconds", "Time of a request to the API server.", "verb")
API_WRITES = _counter("api_writes", "Writes to the API server.", "resource", "code")
LEADER = _gauge("leader", "1 while this process holds the lease.")


def asked(kind: str, seconds: float, refused: str) -> None:
    """Count a query to Prometheus.

    Args:
        kind: instant or range.
        seconds: it took, its retries included.
        refused: why there was no answer; empty where there was.
    """
    QUERY_SECONDS.labels(kind).observe(seconds)
    if refused:
        REFUSALS.labels(refused).inc()


def serve(port: int) -> None:
    """Serve the metrics page in a thread of its own.

    Raises:
        OSError: the port is taken.
    """
    start_http_server(port, registry=REGISTRY)
