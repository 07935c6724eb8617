"""A node: its memory, who uses it, and when it is forecast to run short."""

from foresize_dev.dashboards.build import Dashboard, Panel, Query, Row, Variable, lines, stat

CONTAINERS = '{CLUSTER, node="$node", container!=""}'
USED = f"max by (namespace, pod, container) (container_memory_working_set_bytes{CONTAINERS})"
LIMITS = f"max by (namespace, pod, container) (container_spec_memory_limit_bytes{CONTAINERS})"
WHOLE = 'max(machine_memory_bytes{CLUSTER, node="$node"})'


NODE = Dashboard(
    name="node",
    title="Node",
    text="One node's memory, who uses it, and when it is forecast to run short.",
    variables=[Variable("node", "Node", 'label_values(container_memory_working_set_bytes{CLUSTER, id="/"}, node)')],
    rows=[
        Row(
            "Memory",
            [
                Panel(
                    "Memory in use",
                    "Of the whole node, and of all containers on it.",
                    [
                        Query('max(container_memory_working_set_bytes{CLUSTER, node="$node", id="/"})', "node"),
                        Query(f"sum({USED})", "containers"),
                        Query(WHOLE, "there is"),
                    ],
                    unit="bytes",
                    width=24,
                ),
                lines(
                    "Largest pods",
                    "By memory in use.",
                    (f"topk(10, sum by (namespace, pod) ({USED}))", "{{namespace}}/{{pod}}"),
                    unit="bytes",
                    stacked=True,
                ),
                lines(
                    "Limits above what there is",
                    "All limits on the node over its memory: above 100 % they count on not all being used at once.",
                    (f"sum({LIMITS} > 0) / {WHOLE}", "limits"),
                    unit="percentunit",
                ),
            ],
        ),
        Row(
            "Ahead",
            [
                Panel(
                    "Forecast demand",
                    "Of all pods together, at most: as expected and on 19 of 20 times; and where the kubelet evicts.",
                    [
                        Query(
                            'max by (horizon, quantile) (foresize_node_demand_bytes{CLUSTER, node="$node"})',
                            "{{horizon}} {{quantile}}",
                        ),
                        Query('max(foresize_node_room_bytes{CLUSTER, node="$node"})', "room"),
                    ],
                    unit="bytes",
                    width=24,
                ),
                stat(
                    "Short in",
                    "With a probability of one in twenty; -1 where it is not within a day.",
                    'min(foresize_node_pressure_seconds{CLUSTER, node="$node"}) or vector(-1)',
                    "s",
                ),
                stat(
                    "Risk within the hour",
                    "That the node is short.",
                    'max(foresize_node_pressure_risk{CLUSTER, node="$node"})',
                    "percentunit",
                ),
                stat(
                    "Missing",
                    "Within the hour, once all pods that may leave have left.",
                    'max(foresize_node_missing_bytes{CLUSTER, node="$node"})',
                    "bytes",
                ),
                stat(
                    "Stranded",
                    "Free, but too little for any pod that waits or a usual one.",
                    'max(foresize_node_stranded_bytes{CLUSTER, node="$node"})',
                    "bytes",
                ),
                stat(
                    "Correction within the hour",
                    "Of stated rises, by what came of earlier ones: 1 without a record, less where they were cautious.",
                    'max(foresize_node_forecast_correction{CLUSTER, horizon="1h"})',
                ),
                stat("Evictions left this hour", "Of the cluster's budget.", "max(foresize_evictions_left{CLUSTER})"),
                stat(
                    "Pods held back from an eviction",
                    "The MemoryForecast of each says by what.",
                    "sum(foresize_evictions_held{CLUSTER}) or vector(0)",
                ),
            ],
        ),
    ],
)
