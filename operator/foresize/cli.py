"""The command line: run the operator, replay history, explain a size. Errors of use are a sentence and exit code 2."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from foresize.settings import FIELDS, Settings, SettingsProblem

USAGE = 2
FAILED = 1
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def main() -> None:
    """The `foresize` program."""
    app()


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("foresize"))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context) -> None:
    """Run the operator until it is stopped.

    Every setting is an environment variable FORESIZE_NAME or a flag --name; docs/settings.md lists them.
    """
    try:
        settings = Settings.from_environment(os.environ, _flags(context.args))
    except SettingsProblem as problem:
        _refuse(str(problem))
    from foresize.serving import serve  # noqa: PLC0415 - kopf is not needed to print a version

    serve(settings)


@app.command()
def explain(
    workload: Annotated[str, typer.Argument(metavar="NAMESPACE/WORKLOAD", help="For example shop/Deployment/web.")],
    kubeconfig: Annotated[str | None, typer.Option(help="The cluster to ask; else as kubectl does.")] = None,
) -> None:
    """Say why a workload has its sizes: forecast, plan, kills, last change, what is in the way."""
    from foresize.explain import NotExplainedError, explained  # noqa: PLC0415 - as above

    try:
        Console().print(explained(workload, kubeconfig))
    except NotExplainedError as error:
        _refuse(str(error), error.code)


@app.command()
def replay(
    traces: Annotated[
        Path | None, typer.Argument(help="A CSV file (series, ts, bytes); else the bundled sample.")
    ] = None,
    picture: Annotated[Path, typer.Option(help="Where the picture is written.")] = Path("foresize-replay.png"),
) -> None:
    """Play recorded history through Foresize and its peers: a table and a picture. Needs no cluster."""
    from foresize.replaying import show  # noqa: PLC0415 - as above

    try:
        show(traces, picture, Console())
    except (OSError, ValueError) as error:
        _refuse(str(error))


def _flags(arguments: list[str]) -> dict[str, str]:
    """`--name value` and `--name=value` of the settings; anything else is refused with what there is."""
    known = {field.flag: field.name for field in FIELDS}
    given: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        flag, has_value, value = argument.partition("=")
        if flag not in known:
            _refuse(f"{flag} is no setting; there are {', '.join(sorted(known))}")
        given[known[flag]] = value if has_value else next(rest, "")
        if not given[known[flag]]:
            _refuse(f"{flag} needs a value")
    return given


def _refuse(message: str, code: int = USAGE) -> NoReturn:
    Console(stderr=True).print(f"foresize: {message}", style="red", highlight=False, markup=False)
    sys.exit(code)


logging.getLogger("matplotlib").setLevel(logging.WARNING)

if __name__ == "__main__":
    main()
