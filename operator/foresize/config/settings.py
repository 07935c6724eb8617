"""What whoever installs the operator may set: one table for environment, flags and the page that documents them.

A setting `tick_s` is the variable FORESIZE_TICK and the flag --tick; units are written in the value (`15s`).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from foresize.config.settingkinds import (
    A_NAMESPACE,
    DASK,
    FOLDER,
    MATCHERS,
    NAMESPACES,
    PATH,
    PORT,
    SWITCH,
    TENANT,
    URL,
    Kind,
    one_of,
    span,
    whole,
)
from foresize_forecast.prometheus.promql import Matcher
from foresize_forecast.prometheus.source import Source

PREFIX = "FORESIZE_"


class SettingsProblem(ValueError):  # noqa: N818 - a problem of the user's, as PolicyProblem is
    """A setting that cannot be used; the text names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Field:
    """One setting, as the command line and the documentation need it."""

    name: str
    """The field of `Settings`."""
    default: str
    """As it would be written."""
    allowed: str
    """What may be written, for people."""
    help: str
    """What it does, in a sentence or two."""
    parse: Callable[[str], Any]
    """Its value from text; raises ValueError with what is allowed."""

    @property
    def flag(self) -> str:
        """On the command line: `--tick`."""
        return "--" + self.name.removesuffix("_s").replace("_", "-")

    @property
    def env(self) -> str:
        """In the environment: `FORESIZE_TICK`."""
        return PREFIX + self.name.removesuffix("_s").upper()


def setting(default: str, kind: Kind, text: str, *, secret: bool = False) -> Any:  # noqa: ANN401 (a dataclass field)
    """A field of `Settings`: its default, how it is read, and the sentence that documents it."""
    metadata = {"default": default, "kind": kind, "help": text}
    return dataclasses.field(default_factory=lambda: kind.parse(default), repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; each field says what it does, in the words of the documentation."""

    prometheus_url: str = setting(
        "",
        URL,
        "Where memory history is read: the address in front of `/api/v1` of Prometheus, or of anything that answers "
        "its query API. Without it see `--metrics-source`; each policy's conditions say what is read.",
        secret=True,
    )
    metrics_source: str = setting(
        "auto",
        one_of("auto", "prometheus", "metrics-server"),
        "Who is asked how much memory is used: Prometheus, or metrics-server, whose answers are kept by this process "
        "alone, for a week. Then nothing is lowered before it has been asked for a day, after each restart again. "
        "`auto` is Prometheus where it has an address, else metrics-server to recommend and to raise; nothing is then "
        "ever lowered, for an address may have been forgotten.",
    )
    prometheus_token_file: str | None = setting(
        "",
        PATH,
        "A file with a bearer token for Prometheus; it is read anew for each request, because tokens are rotated.",
    )
    prometheus_user_file: str | None = setting(
        "", PATH, "A file with the user of basic authentication, instead of a token; read as often."
    )
    prometheus_password_file: str | None = setting("", PATH, "A file with that user's password; read as often.")
    prometheus_headers_folder: str | None = setting(
        "",
        FOLDER,
        "A folder in which each file is a header of every request: its name, and what is in it; read as often.",
    )
    prometheus_tenant: str = setting(
        "",
        TENANT,
        "Whose data is meant where many share a Mimir or Cortex, sent as the header X-Scope-OrgID; with `a|b` two.",
    )
    prometheus_ca_file: str | None = setting(
        "", PATH, "A file with the authorities that Prometheus' certificate is checked against; empty: the system's."
    )
    prometheus_certificate_file: str | None = setting(
        "", PATH, "A file with the certificate that is shown to a Prometheus which asks its clients for one."
    )
    prometheus_key_file: str | None = setting("", PATH, "A file with the private key of that certificate.")
    prometheus_matchers: tuple[Matcher, ...] = setting(
        "", MATCHERS, "Conditions on every series, for a Prometheus that holds more than this cluster."
    )
    prometheus_timeout_s: int = setting(
        "30s", span("1s", "5m"), "How long each attempt of a query may take, its whole answer included."
    )
    tick_s: int = setting(
        "15s",
        span("1s", "10m"),
        "How often newest samples are read and decisions are made. Shorter than the scrape interval gains nothing.",
    )
    refit_interval_s: int = setting(
        "30m", span("5s", "24h"), "How often each workload is forecast anew from its history."
    )
    inventory_interval_s: int = setting(
        "60s",
        span("1s", "1h"),
        "How often workloads, namespaces, LimitRanges, quotas, nodes and autoscalers are listed.",
    )
    fit_workers: int = setting("2", whole(1, 64), "Processes that forecast; each may use one core.")
    engine: str = setting(
        "local",
        one_of("local", "dask"),
        "Where forecasts are computed: in processes beside the operator, or on a Dask cluster.",
    )
    dask_address: str = setting(
        "",
        DASK,
        "The scheduler of that cluster, whose workers have this package too; empty: a cluster of as many processes "
        "beside the operator. Whoever controls it controls the operator: use `tls://` across machines.",
    )
    namespaces: tuple[str, ...] = setting(
        "",
        NAMESPACES,
        "The only namespaces whose policies are acted on; empty: all, and ClusterMemoryPolicies, which needs "
        "cluster-wide rights.",
    )
    operator_namespace: str = setting(
        "foresize", A_NAMESPACE, "The operator's own namespace, where its Lease and the kill switch are."
    )
    lease_duration_s: int = setting(
        "15s", span("4s", "10m"), "How long a dead operator's Lease keeps another one from taking over."
    )
    metrics_port: int = setting("8080", PORT, "Where the operator's own metrics are served, at `/metrics`; 0: nowhere.")
    metrics_containers: int = setting(
        "2000",
        whole(0, 100_000),
        "Containers with metrics of their own, some twenty series each: those that leak first, then by what they "
        "request; 0: none. Sums by namespace are always there.",
    )
    probe_port: int = setting("8081", PORT, "Where the liveness probe is answered, at `/healthz`; 0: nowhere.")
    sample_max_age_s: int = setting(
        "2m", span("15s", "1h"), "How old a container's newest sample may be before its memory is no longer lowered."
    )
    allow_kube_system: bool = setting(
        "false", SWITCH, "Whether workloads in kube-system, kube-public and kube-node-lease are acted on."
    )
    evictions_per_hour: int = setting(
        "12",
        whole(0, 1000),
        "Pods that may be evicted in one hour in the whole cluster, where policies ask for it; 0: none ever.",
    )
    evictions_per_node_hour: int = setting("4", whole(0, 1000), "Pods of one node that may be evicted in one hour.")
    evictions_per_workload_hour: int = setting(
        "2", whole(0, 1000), "Pods of one workload that may be evicted in one hour."
    )
    evict_single_replicas: bool = setting(
        "false",
        SWITCH,
        "Whether the only replica of a workload may be evicted without its owner's `foresize.dev/evict` mark.",
    )
    placement_strategy: str = setting(
        "Worst",
        one_of("First", "Best", "Worst"),
        "Which of the nodes that fit an evicted pod is expected to get it: the first by name, the one with the least "
        "memory left, or the most, as kube-scheduler leans to unless its profile says MostAllocated.",
    )
    log_format: str = setting("plain", one_of("plain", "json"), "How log lines are written.")
    log_level: str = setting(
        "info", one_of("debug", "info", "warning", "error"), "The least important log lines that are written."
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], flags: Mapping[str, str] | None = None) -> Settings:
        """The settings as given; what is left out or empty has its default.

        Args:
            environ: environment variables; those of no setting are left alone, for Kubernetes adds some of its own.
            flags: text by the field's name; they win over the environment.

        Raises:
            SettingsProblem: a value cannot be used.
        """
        values: dict[str, Any] = {}
        for each in FIELDS:
            text = (flags or {}).get(each.name, "").strip()
            said = each.flag if text else each.env
            text = text or environ.get(each.env, "").strip()
            if text:
                values[each.name] = _read(each, said, text)
        settings = cls(**values)
        try:
            settings.source()
        except ValueError as error:
            raise SettingsProblem(f"Prometheus: {error}") from None
        return settings

    def source(self) -> Source | None:
        """Where history is read from; None where no address is set."""
        if not self.prometheus_url:
            return None
        return Source(
            url=self.prometheus_url,
            token_file=self.prometheus_token_file,
            user_file=self.prometheus_user_file,
            password_file=self.prometheus_password_file,
            headers_folder=self.prometheus_headers_folder,
            tenant=self.prometheus_tenant,
            matchers=self.prometheus_matchers,
            timeout_s=self.prometheus_timeout_s,
            ca_file=self.prometheus_ca_file,
            certificate_file=self.prometheus_certificate_file,
            key_file=self.prometheus_key_file,
        )


FIELDS: tuple[Field, ...] = tuple(
    Field(
        name=each.name,
        default=each.metadata["default"],
        allowed=each.metadata["kind"].allowed,
        help=each.metadata["help"],
        parse=each.metadata["kind"].parse,
    )
    for each in dataclasses.fields(Settings)
)
"""All settings in the order in which they are documented."""


def markdown() -> str:
    """The page docs/settings.md."""
    rows = [
        f"| `{each.flag}` | `{each.env}` | {f'`{each.default}`' if each.default else 'empty'} | {_cell(each.allowed)} "
        f"| {_cell(each.help)} |"
        for each in FIELDS
    ]
    return "\n".join([*HEAD, *rows, ""])


HEAD = (
    "# Settings of the operator",
    "",
    "Made from `operator/foresize/config/settings.py` by `python -m foresize.config.settings > docs/settings.md`.",
    "",
    "Each setting is a flag of `foresize run` and a variable in its environment; the flag wins, and an empty value is",
    "the default. A value that cannot be used ends the operator before it has done anything, and the message names it.",
    "Durations are whole numbers with w, d, h, m or s, such as `30m` or `1h30m`.",
    "",
    "| flag | variable | default | allowed | |",
    "| --- | --- | --- | --- | --- |",
)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _read(each: Field, said: str, text: str) -> Any:  # noqa: ANN401 (as many types as settings)
    try:
        return each.parse(text)
    except ValueError as error:
        raise SettingsProblem(f"{said}: {error}") from None


if __name__ == "__main__":
    sys.stdout.write(markdown())
