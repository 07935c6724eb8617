"""The operator as a process: logs, kopf, signals."""

from __future__ import annotations

import logging
import socket
from typing import Any, cast

import kopf

from foresize.config.settings import Settings
from foresize.fitting import daskcluster
from foresize.kube.kubeapi import ApiError, connect
from foresize.passes import handlers


class NotServedError(Exception):
    """Why the operator cannot run, for a person to read."""


def serve(settings: Settings) -> None:
    """Run until a signal ends it.

    Raises:
        NotServedError: there is no way to a cluster, or a port is taken; nothing was done.
    """
    _check(settings)
    formats = {"json": kopf.LogFormat.JSON, "plain": kopf.LogFormat.FULL}
    kopf.configure(log_format=formats[settings.log_format])
    logging.getLogger().setLevel(settings.log_level.upper())
    for chatty in ("urllib3", "asyncio", "cmdstanpy", "prophet"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    probe = f"http://0.0.0.0:{settings.probe_port}/healthz" if settings.probe_port else None
    kopf.run(
        standalone=True,
        # kopf would make one of the user's name, and the image's user has none.
        identity=cast("Any", socket.gethostname()),
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        liveness_endpoint=probe,
        memo=kopf.Memo({handlers.SETTINGS: settings}),
    )


def _check(settings: Settings) -> None:
    """What would otherwise fail inside kopf, which tells it in a page of its own words and tries again."""
    if settings.engine == "dask" and daskcluster.is_missing():
        raise NotServedError(daskcluster.MISSING)
    try:
        connect()
    except ApiError as error:
        raise NotServedError(str(error)) from error
    for port in filter(None, (settings.metrics_port, settings.probe_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                raise NotServedError(f"port {port} cannot be served: {error.strerror}") from error
