"""The operator as a process: logs, kopf, signals."""

from __future__ import annotations

import logging

import kopf

from foresize import handlers
from foresize.settings import Settings


def serve(settings: Settings) -> None:
    """Run until a signal ends it."""
    formats = {"json": kopf.LogFormat.JSON, "plain": kopf.LogFormat.FULL}
    kopf.configure(log_format=formats[settings.log_format])
    logging.getLogger().setLevel(settings.log_level.upper())
    for chatty in ("urllib3", "asyncio", "cmdstanpy", "prophet"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    probe = f"http://0.0.0.0:{settings.probe_port}/healthz" if settings.probe_port else None
    kopf.run(
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        liveness_endpoint=probe,
        memo=kopf.Memo({handlers.SETTINGS: settings}),
    )
