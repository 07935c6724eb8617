"""The webhook as a process: `foresize-webhook`, or `python -m foresize.webhook`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from foresize.webhook.apiserver import ApiError, ApiServer, in_cluster
from foresize.webhook.keeper import Keeper
from foresize.webhook.known import Known
from foresize.webhook.logs import configure
from foresize.webhook.mounted import Mounted
from foresize.webhook.options import Options, parse
from foresize.webhook.server import Probes, Reviews, listen
from foresize.webhook.serving import Shown

logger = logging.getLogger(__name__)
FAILED = 1


def main() -> None:
    """Run until a signal ends it."""
    options = parse(sys.argv[1:])
    configure(options.log_format, options.log_level)
    try:
        asyncio.run(serve(options))
    except* (ApiError, OSError) as errors:
        for error in errors.exceptions:
            sys.stderr.write(f"foresize-webhook: {error}\n")
        sys.exit(FAILED)


async def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ApiError, OSError: there is no ServiceAccount, or a port is taken.
        ExceptionGroup: something that follows or keeps ended, which it never should.
    """
    ending = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, ending.set)
    async with ApiServer(in_cluster(), options.account_folder) as api, asyncio.TaskGroup() as tasks:
        shown, known = Shown(), Known(api)
        certificate: Keeper | Mounted
        runs = [known.memorysizes.run, known.namespaces.run]
        if options.certificate_folder:
            certificate = Mounted(options.certificate_folder, shown)
        else:
            certificate = Keeper(api, options.names, shown, options.certificate_life_s)
            runs += [certificate.secrets.run, certificate.configurations.run]
        reviews = Reviews(known)
        servers = [
            await listen(Probes(known, certificate, shown, reviews).application(), options.probe_port),
            await listen(reviews.application(), options.port, shown),
        ]
        running = [tasks.create_task(run()) for run in (*runs, certificate.run)]
        await ending.wait()
        logger.info("ending: answers for %d s more, until the API server has gone elsewhere", options.drain_s)
        reviews.ending = True
        await asyncio.sleep(options.drain_s)
        for server in servers:
            await server.cleanup()
        for task in running:
            task.cancel()


if __name__ == "__main__":
    main()
