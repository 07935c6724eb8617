"""One workload: what it uses, what was forecast, what it has and why."""

from foresize_dev.dashboards.build import Dashboard, Panel, Query, Row, Variable, lines, stat, table

ONE = '{CLUSTER, namespace="$namespace", workload="$workload", container=~"$container"}'
WHOLE = '{CLUSTER, namespace="$namespace", workload="$workload"}'
PODS = '{CLUSTER, namespace="$namespace", pod=~"$name-.*", container=~"$container", container!=""}'


WORKLOAD = Dashboard(
    name="workload",
    title="Workload",
    text="One workload: what it uses, what was forecast, what it has and why.",
    variables=[
        Variable("namespace", "Namespace", "label_values(foresize_container_pods{CLUSTER}, namespace)"),
        Variable(
            "workload", "Workload", 'label_values(foresize_container_pods{CLUSTER, namespace="$namespace"}, workload)'
        ),
        Variable(
            "container",
            "Container",
            f"label_values(foresize_container_pods{WHOLE}, container)",
            many=True,
        ),
        Variable(
            "name",
            "Name",
            f"label_values(foresize_container_pods{WHOLE}, workload)",
            regex="/[^/]+\\/(.*)/",
            hidden=True,
        ),
    ],
    rows=[
        Row(
            "Sizes",
            [
                Panel(
                    "Usage, forecast and sizes",
                    "The largest pod's usage and sizes; what is expected now; what the whole horizon stays below.",
                    [
                        Query(f"max by (container) (foresize_container_usage_bytes{ONE})", "{{container}} usage"),
                        Query(f"max by (container) (foresize_container_forecast_bytes{ONE})", "{{container}} forecast"),
                        Query(f"max by (container) (foresize_container_peak_bytes{ONE})", "{{container}} peak ahead"),
                        Query(f"max by (container) (foresize_container_request_bytes{ONE})", "{{container}} request"),
                        Query(f"max by (container) (foresize_container_limit_bytes{ONE})", "{{container}} limit"),
                    ],
                    unit="bytes",
                    width=24,
                    height=10,
                ),
                lines(
                    "Wanted",
                    "The sizes decided on.",
                    (f"max by (container) (foresize_container_wanted_request_bytes{ONE})", "{{container}} request"),
                    (f"max by (container) (foresize_container_wanted_limit_bytes{ONE})", "{{container}} limit"),
                    unit="bytes",
                ),
                lines(
                    "Memory of its pods",
                    "As the kubelets measure it.",
                    (
                        f"max by (pod, container) (container_memory_working_set_bytes{PODS})",
                        "{{pod}} {{container}}",
                    ),
                    unit="bytes",
                ),
                lines(
                    "Saved and beyond what is wanted",
                    "Over all its pods, of requests.",
                    (f"sum(max by (container) (foresize_container_saved_bytes{ONE}))", "saved"),
                    (
                        f"sum(max by (container) (foresize_container_excess_request_bytes{ONE}))",
                        "beyond what is wanted",
                    ),
                    unit="bytes",
                ),
                lines(
                    "Pods",
                    "That live.",
                    (f"max by (container) (foresize_container_pods{ONE})", "{{container}}"),
                ),
            ],
        ),
        Row(
            "Why",
            [
                table(
                    "Model and shape",
                    "What its forecast is made with, and what kind of curve it has.",
                    f"max by (container, model, shape) (foresize_container_model_info{ONE})",
                ),
                stat(
                    "Peak ahead",
                    "When the forecast is highest.",
                    f"max(foresize_container_peak_timestamp_seconds{ONE}) * 1000",
                    "dateTimeFromNow",
                ),
                stat(
                    "OOM kills in this time",
                    "That the operator saw.",
                    f"sum(increase(foresize_oom_kills_total{ONE}[$__range]))",
                ),
                stat(
                    "Longest resize under way",
                    "0 where none is.",
                    f"max(foresize_resize_pending_seconds{WHOLE}) or vector(0)",
                    "s",
                ),
                lines(
                    "Cost in the backtest",
                    "Bytes held and kills, of the model that was chosen and of the baseline.",
                    (f"max by (container) (foresize_container_backtest_cost_bytes{ONE})", "{{container}} model"),
                    (f"max by (container) (foresize_container_baseline_cost_bytes{ONE})", "{{container}} baseline"),
                    unit="bytes",
                ),
                lines(
                    "Coverage and slack in the backtest",
                    "Share of the time that usage was within the levels, and share of the levels that it left unused.",
                    (
                        f"max by (container) (foresize_container_backtest_coverage_ratio{ONE})",
                        "{{container}} within",
                    ),
                    (f"max by (container) (foresize_container_backtest_slack_ratio{ONE})", "{{container}} unused"),
                    unit="percentunit",
                ),
            ],
        ),
    ],
)
