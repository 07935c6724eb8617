"""The commands that read a cluster and write nothing to it: each prints, or writes the file that it is told to."""

from __future__ import annotations

import inspect
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from errno import EADDRINUSE
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, get_type_hints

import typer
import yaml
from rich.console import Console, Group, RenderableType
from rich.text import Text

from foresize.commands.deadline import TimedOutError, within
from foresize.config.durations import seconds
from foresize.config.words import plain

FAILED, USAGE, DIFFERENT, TIMED_OUT = 1, 2, 3, 124
"""Exit codes; the last is that of timeout(1)."""
LONGEST_TIMEOUT_S = 86_400
Json = Mapping[str, Any]
Made = TypeVar("Made")


class Format(StrEnum):
    """How what was found is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json or yaml for programs.")]
Kubeconfig = Annotated[str | None, typer.Option(help="The cluster to ask; else as kubectl does.")]
Timeout = Annotated[str, typer.Option(help="Give up after this long, with exit code 124; such as 30s or 5m.")]
OperatorNamespace = Annotated[
    str, typer.Option(help="Where the operator is installed.", envvar="FORESIZE_OPERATOR_NAMESPACE")
]

Prometheus = Annotated[str, typer.Option(help="Read history there instead of at the operator's own.", metavar="URL")]


def doctor(
    *,
    operator_namespace: OperatorNamespace = "foresize",
    prometheus: Annotated[
        str, typer.Option(help="Ask this Prometheus instead of the operator's own.", metavar="URL")
    ] = "",
    output: Output = Format.TABLE,
    timeout: Timeout = "2m",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Check that Foresize can work here: API server, CRDs, policies, rights, resizes, admission, Prometheus, operator.

    Runs outside the cluster or in the operator's pod. Exit code 1: something does not work; what is only worse than it
    could be is told, and exits with 0.
    """
    from foresize.commands.doctor import examine  # noqa: PLC0415 - Prometheus is not needed to print a version
    from foresize.commands.findings import Level, table, worst  # noqa: PLC0415 - as above
    from foresize.commands.surroundings import Place  # noqa: PLC0415 - as above

    found = in_time(timeout, lambda: examine(Place(operator_namespace, prometheus, kubeconfig)))
    level = worst(found)
    show(output, {"level": str(level), "checks": [each.as_dict() for each in found]}, lambda: table(found))
    if level is Level.FAILED:
        sys.exit(FAILED)


def _simulated(  # noqa: PLR0913 - each is an option of the command line
    policies: Annotated[list[str], typer.Argument(metavar="POLICY.yaml...", help="Files; - is standard input.")],
    *,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Of policies that name none; else as kubectl does.")
    ] = "",
    prometheus: Prometheus = "",
    operator_namespace: OperatorNamespace = "foresize",
    output: Output = Format.TABLE,
    timeout: Timeout = "5m",
    kubeconfig: Kubeconfig = None,
) -> tuple[Format, Any]:
    """How to print it, and what policies would do: with the options of both commands that tell it."""
    from foresize.commands.simulating import NotSimulatedError, simulate  # noqa: PLC0415 - as above
    from foresize.commands.surroundings import Place  # noqa: PLC0415 - as above

    place = Place(operator_namespace, prometheus, kubeconfig)
    try:
        return output, in_time(timeout, lambda: simulate(policies, namespace, place))
    except NotSimulatedError as error:
        refuse(str(error), error.code)


def _taking(options: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of another function, to which it hands them on."""

    def made(command: Callable[..., None]) -> Callable[..., None]:
        command.__signature__ = inspect.signature(options, eval_str=True)  # type: ignore[attr-defined]  # typer reads
        command.__annotations__ = get_type_hints(options, include_extras=True)  # both
        return command

    return made


@_taking(_simulated)
def simulate(**given: Any) -> None:  # noqa: ANN401 - the options of `_simulated`
    """Show what policies would do here if they were applied now: sizes, savings, risks. Writes nothing.

    The operator's own pass is run on the cluster as it is, and none of its writes is sent.
    """
    from foresize.commands.simulatetable import table  # noqa: PLC0415 - as above

    output, found = _simulated(**given)
    show(output, found.as_dict(), lambda: table(found))


@_taking(_simulated)
def diff(**given: Any) -> None:  # noqa: ANN401 - as above
    """Show each value that would change at once if policies were applied now. Writes nothing.

    Exit code 3: something would change, as in `kubectl diff` with another number.
    """
    from foresize.commands.simulatetable import diff as shown  # noqa: PLC0415 - as above

    output, found = _simulated(**given)
    show(output, found.as_dict(), lambda: shown(found))
    if found.changes:
        sys.exit(DIFFERENT)


def report(
    *,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only of this one; else of all.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write a page for people there.", metavar="FILE")] = None,
    output: Output = Format.TABLE,
    timeout: Timeout = "1m",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say what is saved of requests, what more could be, and which workloads are at risk.

    The page is one file that fetches nothing, to be mailed or kept.
    """
    from foresize.commands.standing import NotReportedError, standing  # noqa: PLC0415 - as above
    from foresize.commands.standingpage import html as as_page  # noqa: PLC0415 - as above
    from foresize.commands.standingpage import table  # noqa: PLC0415 - as above

    try:
        found = in_time(timeout, lambda: standing(namespace, kubeconfig))
        if html is not None:
            html.write_text(as_page(found), encoding="utf-8")
    except NotReportedError as error:
        refuse(str(error), error.code)
    except OSError as error:
        refuse(f"--html: {html}: {error.strerror}", USAGE)
    show(output, found.as_dict(), lambda: table(found))


def explain(  # noqa: PLR0913 - as above
    workload: Annotated[str, typer.Argument(metavar="NAMESPACE/WORKLOAD", help="For example shop/Deployment/web.")],
    *,
    models: Annotated[
        bool, typer.Option("--models", help="Read its history: draw it, and tell every model that was tried.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page there, with its history.", metavar="FILE")] = None,
    prometheus: Prometheus = "",
    operator_namespace: OperatorNamespace = "foresize",
    output: Output = Format.TABLE,
    timeout: Timeout = "2m",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say why a workload has its sizes: forecast, plan, kills, last change, what is in the way.

    With its history, also the models that were rejected and what they would have cost.
    """
    from foresize.commands.explain import NotExplainedError, explained, key_of  # noqa: PLC0415 - as above
    from foresize.commands.explainpage import html as as_page  # noqa: PLC0415 - as above
    from foresize.commands.explainpage import lines  # noqa: PLC0415 - as above
    from foresize.commands.lookback import looked_back  # noqa: PLC0415 - as above
    from foresize.commands.surroundings import Place  # noqa: PLC0415 - as above
    from foresize.kube.kubeapi import connect  # noqa: PLC0415 - as above

    def found() -> Any:  # noqa: ANN401 - a MemoryForecast, and its workload's past where that is asked for
        forecast = explained(workload, kubeconfig)
        place = Place(operator_namespace, prometheus, kubeconfig)
        asked = models or html is not None
        return forecast, looked_back(connect(kubeconfig), place, key_of(forecast)) if asked else None

    try:
        forecast, past = in_time(timeout, found)
        if html is not None:
            html.write_text(as_page(forecast, past), encoding="utf-8")
    except NotExplainedError as error:
        refuse(str(error), error.code)
    except OSError as error:
        refuse(f"--html: {html}: {error.strerror}", USAGE)
    show(output, forecast, lambda: Group(*lines(forecast, past)))


def ui(  # noqa: PLR0913 - as above
    *,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only of this one; else of all.")] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of this machine's loopback; 0: any that is free.")
    ] = 8765,
    shared: Annotated[
        bool, typer.Option("--shared", help="Serve on all addresses, and ask each reader for a token of the cluster.")
    ] = False,
    certificate_folder: Annotated[
        Path | None, typer.Option(help="With --shared: serve over TLS, by tls.crt and tls.key there.", metavar="FOLDER")
    ] = None,
    prometheus: Prometheus = "",
    operator_namespace: OperatorNamespace = "foresize",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Serve pages on this machine's loopback until interrupted: savings and risks, each workload's curve, what if.

    It reads with your own rights and writes nothing. Nobody from another machine is answered, unless --shared: then
    each reader signs in, and sees the namespaces whose MemoryForecasts they may list.
    """
    from foresize.commands.looking import Pages, server  # noqa: PLC0415 - as above
    from foresize.commands.surroundings import Place  # noqa: PLC0415 - as above
    from foresize.config.settings import SettingsProblem  # noqa: PLC0415 - as above
    from foresize.kube.kubeapi import ApiError  # noqa: PLC0415 - as above

    if certificate_folder is not None and not shared:
        refuse("--certificate-folder: is for --shared, which is not given", USAGE)
    pages = Pages(Place(operator_namespace, prometheus, kubeconfig), (namespace,) if namespace else ())
    try:
        if shared:
            from foresize.commands.sharing import share  # noqa: PLC0415 - as above

            share(pages, port, certificate_folder)
            return
        made = server(pages, port)
    except (ApiError, SettingsProblem) as error:
        refuse(str(error), FAILED)
    except OSError as error:
        lacking = certificate_folder is not None and error.errno != EADDRINUSE
        option = f"--certificate-folder: {certificate_folder}" if lacking else f"--port: {port}"
        refuse(f"{option} cannot be served: {error.strerror or error}", FAILED)
    typer.echo(f"http://127.0.0.1:{made.server_port}/ (Ctrl-C ends it)")
    with made:
        made.serve_forever()


def in_time(timeout: str, work: Callable[[], Made]) -> Made:
    """What `work` makes; the program ends where it takes longer."""
    try:
        timeout_s = seconds(timeout)
    except ValueError as error:
        refuse(f"--timeout: {error}", USAGE)
    if not 1 <= timeout_s <= LONGEST_TIMEOUT_S:
        refuse(f"--timeout: {timeout!r} is not between 1s and 24h", USAGE)
    log = logging.getLogger("foresize")
    before = log.level
    log.setLevel(logging.ERROR)  # the operator's warnings are for its log: a command tells what it finds
    try:
        return within(timeout_s, work)
    except TimedOutError as error:
        refuse(str(error), TIMED_OUT)
    finally:
        log.setLevel(before)


def show(output: Format, found: Json | Sequence[Json], told: Callable[[], RenderableType]) -> None:
    """Print what was found: for people as `told` makes it, for programs as it is."""
    if output is Format.TABLE:
        Console().print(told(), soft_wrap=True)
    elif output is Format.JSON:
        typer.echo(json.dumps(found, indent=2))
    else:
        typer.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), nl=False)


def refuse(message: str, code: int) -> NoReturn:
    """Say why nothing was done, in a line, and end."""
    Console(stderr=True).print(Text(f"foresize: {plain(message)}", "red"), soft_wrap=True)
    sys.exit(code)
