"""The operator: whether Foresize itself works."""

from foresize_dev.dashboards.build import Dashboard, Row, lines, quantiles, stat

LEADS = "and on (instance) foresize_leader{CLUSTER} == 1"
KILLS = "sum by (le) (rate(foresize_kill_to_resize_seconds_bucket{CLUSTER}[$__rate_interval]))"
REVIEWS = "sum by (le) (rate(foresize_webhook_review_seconds_bucket{CLUSTER}[$__rate_interval]))"
REFUSED = "sum by (reason) (rate(foresize_prometheus_refusals_total{CLUSTER}[$__rate_interval]))"


OPERATOR = Dashboard(
    name="operator",
    title="Operator",
    text="Whether Foresize itself works: passes, samples, the API server, Prometheus, what it uses, the webhook.",
    rows=[
        Row(
            "Now",
            [
                stat("Leading", "Operators that hold the Lease: 1.", "sum(foresize_leader{CLUSTER})"),
                stat(
                    "Last good pass",
                    "Seconds since it ended.",
                    'time() - max(foresize_pass_last_success_timestamp_seconds{CLUSTER, loop="act"})',
                    "s",
                ),
                stat(
                    "Newest sample",
                    "Seconds since it was taken.",
                    "time() - max(foresize_newest_sample_timestamp_seconds{CLUSTER})",
                    "s",
                ),
                stat("Decreases stopped", "1 while kills rise all over.", "max(foresize_decreases_stopped{CLUSTER})"),
                stat(
                    "Containers left out",
                    "Without metrics of their own: the value metrics.containers bounds them.",
                    "max(foresize_containers_left_out{CLUSTER})",
                ),
                stat(
                    "Errors, last hour",
                    "Passes, or policies in a pass, that failed.",
                    "sum(increase(foresize_pass_errors_total{CLUSTER}[1h])) or vector(0)",
                ),
            ],
        ),
        Row(
            "Passes",
            [
                quantiles("Time of a pass, by step", "Most of it is waiting.", "foresize_pass_seconds", "step"),
                lines(
                    "From a restart after a kill to its resize",
                    "The slowest twentieth.",
                    (f"histogram_quantile(0.95, {KILLS})", "p95"),
                    unit="s",
                ),
            ],
        ),
        Row(
            "What it asks of others",
            [
                quantiles("Requests to the API server", "By verb.", "foresize_api_request_seconds", "verb"),
                lines(
                    "Writes to the API server",
                    "By resource and answer, a second.",
                    (
                        "sum by (resource, code) (rate(foresize_api_writes_total{CLUSTER}[$__rate_interval]))",
                        "{{resource}} {{code}}",
                    ),
                    unit="reqps",
                ),
                quantiles("Queries to Prometheus", "By kind.", "foresize_prometheus_query_seconds", "kind"),
                lines(
                    "Queries without an answer",
                    "By why, a second.",
                    (
                        f"{REFUSED} or vector(0)",
                        "{{reason}}",
                    ),
                    unit="reqps",
                ),
            ],
        ),
        Row(
            "What it uses",
            [
                lines(
                    "Memory",
                    "Of the process that leads; its fit workers are processes of their own.",
                    (f"process_resident_memory_bytes{{CLUSTER}} {LEADS}", "{{instance}}"),
                    unit="bytes",
                ),
                lines(
                    "CPU",
                    "Of the process that leads, in cores.",
                    (f"rate(process_cpu_seconds_total{{CLUSTER}}[$__rate_interval]) {LEADS}", "{{instance}}"),
                ),
            ],
        ),
        Row(
            "Webhook",
            [
                lines(
                    "New pods",
                    "That the API server asked about, by what was made of them, a second.",
                    (
                        "sum by (outcome) (rate(foresize_webhook_reviews_total{CLUSTER}[$__rate_interval]))",
                        "{{outcome}}",
                    ),
                    unit="reqps",
                ),
                lines(
                    "Time to make an answer",
                    "The slowest hundredth.",
                    (f"histogram_quantile(0.99, {REVIEWS})", "p99"),
                    unit="s",
                ),
                stat("Ready", "Replicas that size new pods.", "sum(foresize_webhook_ready{CLUSTER})", width=12),
                stat(
                    "Certificate ends in",
                    "The first of all replicas.",
                    "min(foresize_webhook_certificate_expiry_timestamp_seconds{CLUSTER}) - time()",
                    "s",
                    width=12,
                ),
            ],
        ),
    ],
)
