"""Every metric that the webhook serves, by name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
REVIEWS = Counter(
    "foresize_webhook_reviews_total",
    "New pods that the API server asked about, by what was made of them: sized, or why not.",
    ("outcome",),
    registry=REGISTRY,
)
REVIEW_SECONDS = Histogram(
    "foresize_webhook_review_seconds",
    "Time to make an answer, without the network.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1),
    registry=REGISTRY,
)
CERTIFICATE_EXPIRES = Gauge(
    "foresize_webhook_certificate_expiry_timestamp_seconds", "End of the certificate in use.", registry=REGISTRY
)
CERTIFICATE_STARTS = Gauge(
    "foresize_webhook_certificate_start_timestamp_seconds", "Beginning of the certificate in use.", registry=REGISTRY
)
READY = Gauge("foresize_webhook_ready", "1 while pods are sized.", registry=REGISTRY)
