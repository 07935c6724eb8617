"""What the chart may set: flags of `foresize-webhook`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foresize.config.durations import seconds
from foresize.webhook.apiserver import ACCOUNT
from foresize.webhook.keeper import Names
from foresize.webhook.logs import FORMATS

SHORTEST_LIFE, LONGEST_LIFE = "20s", "52w"
"""X.509 counts whole seconds, and the shares of a life that are waited for must be some of them."""
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Options:
    """All of them; each flag says what it does."""

    port: int
    probe_port: int
    names: Names
    certificate_life_s: int
    certificate_folder: Path | None
    account_folder: Path
    drain_s: int
    log_format: str
    log_level: str


def parse(arguments: Sequence[str]) -> Options:
    """Read flags; what cannot be used ends the process with a sentence and exit code 2."""
    given = _parser().parse_args(arguments)
    return Options(
        port=given.port,
        probe_port=given.probe_port,
        names=Names(given.namespace, given.secret, given.service, given.configuration),
        certificate_life_s=given.certificate_life,
        certificate_folder=given.certificate_folder,
        account_folder=given.account_folder,
        drain_s=given.drain,
        log_format=given.log_format,
        log_level=given.log_level,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="foresize-webhook", description="Gives new pods the sizes of MemorySizes, for Kubernetes before 1.36."
    )
    add = parser.add_argument
    add("--port", type=int, default=8443, help="where reviews are answered, over TLS (default: %(default)s)")
    add("--probe-port", type=int, default=8081, help="where /healthz, /readyz and /metrics are (default: %(default)s)")
    add("--namespace", default="foresize", help="its own namespace (default: %(default)s)")
    add("--secret", default="foresize-webhook", help="Secret of its certificate (default: %(default)s)")
    add("--service", default="foresize-webhook", help="Service in front of it (default: %(default)s)")
    add("--configuration", default="foresize-webhook", help="its MutatingWebhookConfiguration (default: %(default)s)")
    add(
        "--certificate-life",
        type=_life,
        default="90d",
        metavar="DURATION",
        help=f"how long a certificate of its own is good for, from {SHORTEST_LIFE} to {LONGEST_LIFE} "
        "(default: %(default)s)",
    )
    add("--certificate-folder", type=Path, help="with tls.crt and tls.key that somebody else keeps; else its own")
    add("--account-folder", type=Path, default=ACCOUNT, help="with token and ca.crt (default: %(default)s)")
    add("--drain", type=_seconds, default="10s", metavar="DURATION", help="how long it answers on after SIGTERM")
    add("--log-format", choices=FORMATS, default="plain", help="how log lines are written (default: %(default)s)")
    add("--log-level", choices=LOG_LEVELS, default="info", help="least important lines (default: %(default)s)")
    return parser


def _seconds(text: str) -> int:
    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _life(text: str) -> int:
    life_s = _seconds(text)
    if not seconds(SHORTEST_LIFE) <= life_s <= seconds(LONGEST_LIFE):
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration from {SHORTEST_LIFE} to {LONGEST_LIFE}")
    return life_s
