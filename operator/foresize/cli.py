"""The command line: run the operator, replay history, explain a size. Errors of use are a sentence and exit code 2."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from foresize.settings import FIELDS, Field, Settings, SettingsProblem
from foresize.words import plain

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


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting, made of the table that documents them."""
    options = {field.name: _option(field) for field in FIELDS}
    keyword = inspect.Parameter.KEYWORD_ONLY
    named = [inspect.Parameter(name, keyword, default="", annotation=option) for name, option in options.items()]
    command.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]  # typer reads it
    command.__annotations__ = dict(options)
    return command


def _option(field: Field) -> Any:  # noqa: ANN401 - a type of typing's own
    shown = f"{field.help} {field.allowed[0].upper()}{field.allowed[1:]}. Default: {field.default or 'empty'}."
    return Annotated[str, typer.Option(field.flag, metavar="", help=escape(shown), show_default=False)]


@app.command()
@_with_settings
def run(**given: str) -> None:
    """Run the operator until it is stopped.

    Each option is an environment variable too, FORESIZE_TICK for --tick; the option wins.
    """
    try:
        settings = Settings.from_environment(os.environ, given)
    except SettingsProblem as problem:
        _refuse(str(problem), USAGE)
    from foresize.serving import NotServedError, serve  # noqa: PLC0415 - kopf is not needed to print a version

    try:
        serve(settings)
    except NotServedError as error:
        _refuse(str(error), FAILED)


@app.command()
def explain(
    workload: Annotated[str, typer.Argument(metavar="NAMESPACE/WORKLOAD", help="For example shop/Deployment/web.")],
    kubeconfig: Annotated[str | None, typer.Option(help="The cluster to ask; else as kubectl does.")] = None,
) -> None:
    """Say why a workload has its sizes: forecast, plan, kills, last change, what is in the way."""
    from foresize.explain import NotExplainedError, explained  # noqa: PLC0415 - as above

    try:
        for line in explained(workload, kubeconfig):
            Console().print(Text(plain(line), "" if line.startswith(" ") else "bold"), soft_wrap=True)
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
        _refuse(str(error), USAGE)


def _refuse(message: str, code: int) -> NoReturn:
    Console(stderr=True).print(Text(f"foresize: {plain(message)}", "red"), soft_wrap=True)
    sys.exit(code)


logging.getLogger("matplotlib").setLevel(logging.WARNING)

if __name__ == "__main__":
    main()
