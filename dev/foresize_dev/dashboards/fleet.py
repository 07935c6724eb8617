"""The fleet: what is requested, saved and wanted, who is killed, what is in the way."""

from foresize_dev.dashboards.build import Dashboard, Row, Variable, lines, stat, table

EACH = "cluster, namespace, workload, container"
THESE = '{CLUSTER, namespace=~"$namespace"}'


FLEET = Dashboard(
    name="fleet",
    title="Fleet",
    text="All namespaces: what is requested, saved and wanted, who is killed, what is in the way.",
    variables=[
        Variable(
            "namespace", "Namespace", "label_values(foresize_namespace_requested_bytes{CLUSTER}, namespace)", many=True
        )
    ],
    rows=[
        Row(
            "Now",
            [
                stat(
                    "Requested",
                    "Requests in force of all managed pods.",
                    f"sum(max by (cluster, namespace) (foresize_namespace_requested_bytes{THESE}))",
                    "bytes",
                ),
                stat(
                    "Saved",
                    "What owners wrote as requests less what is in force. Negative where pods needed more.",
                    f"sum(max by (cluster, namespace) (foresize_namespace_saved_bytes{THESE}))",
                    "bytes",
                ),
                stat(
                    "Could still be saved",
                    "Requests in force less what the forecast asks for now.",
                    f"sum(max by (cluster, namespace) (foresize_namespace_excess_request_bytes{THESE}))",
                    "bytes",
                ),
                stat(
                    "OOM kills, last day",
                    "Kills in managed pods that the operator saw.",
                    f"sum(increase(foresize_oom_kills_total{THESE}[1d]))",
                ),
                stat("Policies ready", "Of all policies.", 'max(foresize_policies{CLUSTER, ready="true"})'),
                stat(
                    "Policies not ready", "Their conditions say why.", 'max(foresize_policies{CLUSTER, ready="false"})'
                ),
            ],
        ),
        Row(
            "Memory",
            [
                lines(
                    "Requests",
                    "What owners wrote, what is in force, what the forecast asks for.",
                    (
                        "sum(foresize_namespace_requested_bytes{CLUSTER} + foresize_namespace_saved_bytes)",
                        "as owners wrote",
                    ),
                    ("sum(foresize_namespace_requested_bytes{CLUSTER})", "in force"),
                    (
                        "sum(foresize_namespace_requested_bytes{CLUSTER} - foresize_namespace_excess_request_bytes)",
                        "wanted",
                    ),
                    unit="bytes",
                ),
                lines(
                    "Saved by namespace",
                    "What owners wrote as requests less what is in force.",
                    (
                        f"sum by (namespace) (foresize_namespace_saved_bytes{THESE})",
                        "{{namespace}}",
                    ),
                    unit="bytes",
                ),
                table(
                    "Largest requests beyond what is wanted",
                    "Where a policy would save most by applying.",
                    f"topk(20, max by ({EACH}) (foresize_container_excess_request_bytes{THESE}))",
                    "bytes",
                ),
                table(
                    "Time to the limit of what leaks",
                    "At the mean rate of the leak; empty where nothing leaks.",
                    f"sort(min by ({EACH}) (foresize_container_leak_limit_seconds{THESE}))",
                    "s",
                ),
            ],
        ),
        Row(
            "Decisions",
            [
                lines(
                    "Containers by the reason of their last decision",
                    "What moved or kept their sizes.",
                    ("sum by (reason) (foresize_containers{CLUSTER})", "{{reason}}"),
                    stacked=True,
                ),
                lines(
                    "Resizes",
                    "Asked of the API server, by why and how they ended.",
                    (
                        "sum by (reason, result) (increase(foresize_resizes_total{CLUSTER}[$__rate_interval]))",
                        "{{reason}} {{result}}",
                    ),
                ),
                lines(
                    "OOM kills",
                    "By namespace, per hour.",
                    (
                        f"sum by (namespace) (increase(foresize_oom_kills_total{THESE}[1h]))",
                        "{{namespace}}",
                    ),
                ),
                lines(
                    "Pods in whose way something stands",
                    "By obstacle.",
                    ("sum by (obstacle) (foresize_pods_blocked{CLUSTER})", "{{obstacle}}"),
                    stacked=True,
                ),
                lines(
                    "Pods that do nothing",
                    "By namespace: no CPU, network or change of memory to speak of.",
                    (f"sum by (namespace) (foresize_idle_pods{THESE})", "{{namespace}}"),
                ),
                lines(
                    "Evictions",
                    "Asked of the API server, by why and how they ended; 0 where none was.",
                    (
                        "sum by (reason, result) (increase(foresize_evictions_total{CLUSTER}[1h])) or vector(0)",
                        "{{reason}} {{result}}",
                    ),
                ),
                lines(
                    "Models",
                    "By which containers are forecast.",
                    ("count by (model) (foresize_container_model_info{CLUSTER})", "{{model}}"),
                    stacked=True,
                ),
                lines(
                    "Shapes",
                    "Of their curves.",
                    ("count by (shape) (foresize_container_model_info{CLUSTER})", "{{shape}}"),
                    stacked=True,
                ),
            ],
        ),
    ],
)
