"""Memory sizes from forecasts: check a cluster, simulate policies, explain sizes, run the operator.

Errors of use are a sentence and exit code 2.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from foresize import reading
from foresize.config.settings import FIELDS, Field, Settings, SettingsProblem
from foresize.config.words import plain
from foresize.reading import FAILED, USAGE, Kubeconfig, Timeout, in_time, refuse

PLUGIN = "kubectl-foresize"
NO_FILES = 4
"""Directive of cobra, kubectl's command line, for what is completed by words alone."""
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
for each in (reading.doctor, reading.simulate, reading.diff, reading.report, reading.explain, reading.ui):
    app.command()(each)
migrations = typer.Typer(no_args_is_help=True, help="Turn what other tools have into policies. Writes nothing.")
app.add_typer(migrations, name="migrate")


def main() -> None:
    """The `foresize` program, and `kubectl foresize`."""
    as_plugin = Path(sys.argv[0]).name.startswith(PLUGIN)
    app(prog_name="kubectl foresize" if as_plugin else "foresize")


def complete() -> None:
    """The program `kubectl_complete-foresize`: what may follow, a line each, as kubectl asks its plugins for."""
    words = ["foresize", *sys.argv[1:]]
    os.environ |= {
        "_FORESIZE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    try:
        app(prog_name="foresize")
    finally:
        typer.echo(f":{NO_FILES}")


def _tell_version(*, asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """What comes before a command."""


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
        refuse(str(problem), USAGE)
    from foresize.commands.serving import NotServedError, serve  # noqa: PLC0415 - kopf is not needed to print a version

    try:
        serve(settings)
    except NotServedError as error:
        refuse(str(error), FAILED)


@app.command()
def release(  # noqa: PLR0913 - each is an option of the command line
    workload: Annotated[
        str, typer.Argument(metavar="[NAMESPACE/WORKLOAD]", help="For example shop/Deployment/web.")
    ] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every workload that Foresize has sized.")] = False,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="With --all: only of this namespace.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Say what would be done, and write nothing.")] = False,
    operator_namespace: Annotated[
        str, typer.Option(help="Where the operator's Lease is.", envvar="FORESIZE_OPERATOR_NAMESPACE")
    ] = "foresize",
    kubeconfig: Annotated[str | None, typer.Option(help="The cluster to act on; else as kubectl does.")] = None,
) -> None:
    """Give running pods the sizes back that their owners wrote, in place, and have new ones born with them.

    Refused while the operator runs and a policy applies: it would size them again. Exit code 1: some keep their sizes.
    """
    from foresize.commands.releasing import NotReleasedError, Wish  # noqa: PLC0415 - as above
    from foresize.commands.releasing import release as give_back  # noqa: PLC0415

    if bool(workload) is everything:
        refuse("name one workload as NAMESPACE/WORKLOAD, or give --all", USAGE)
    wish = Wish(workload, namespace, operator_namespace, dry_run, kubeconfig)
    try:
        complete = give_back(wish, lambda line: Console().print(Text(plain(line)), soft_wrap=True))
    except NotReleasedError as error:
        refuse(str(error), error.code)
    if not complete:
        sys.exit(FAILED)


@migrations.command()
def vpa(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="VPAs in YAML; else the cluster's.")
    ] = None,
    *,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only of this one; else of all.")] = "",
    timeout: Timeout = "1m",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print a MemoryPolicy for each VerticalPodAutoscaler, with what does not carry over in comments.

    The VPAs stay as they are: where both would act, Foresize leaves the workload alone until the VPA is off.
    """
    from foresize.commands.migrating import NotMigratedError, migrate, text  # noqa: PLC0415 - as above

    try:
        typer.echo(text(in_time(timeout, lambda: migrate(namespace, files or (), kubeconfig))), nl=False)
    except NotMigratedError as error:
        refuse(str(error), error.code)


@app.command()
def replay(  # noqa: PLR0913 - each is an option of the command line
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="Trace files or folders; else the bundled sample.")
    ] = None,
    *,
    policies: Annotated[str, typer.Option(help="Names, with commas between; else all.", metavar="A,B")] = "",
    track: Annotated[
        list[str] | None, typer.Option(help="guaranteed, burstable, nodes or jobs; may be given again.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write all figures there.", metavar="FILE")] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Write every size of every policy there.", metavar="FILE.parquet")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report for people there.", metavar="FILE")] = None,
    prometheus: Annotated[
        str, typer.Option(help="Play the last 14 days of a Prometheus at this address instead.", metavar="URL")
    ] = "",
    selector: Annotated[
        str, typer.Option(help="""Which containers of it, such as '{namespace="shop"}'; else all.""", metavar="{...}")
    ] = "",
    token_file: Annotated[str | None, typer.Option(help="A file with its bearer token.", metavar="FILE")] = None,
    min_days: Annotated[float, typer.Option(help="Leave shorter series out.")] = 3.0,
) -> None:
    """Play recorded memory through Foresize and its peers: what is wasted, what would have been killed.

    Needs no cluster. Nothing is written before all is done.
    """
    from foresize.commands.replaying import Wish  # noqa: PLC0415 - as above
    from foresize.commands.replaying import replay as play  # noqa: PLC0415

    names = tuple(name.strip() for name in policies.split(",") if name.strip())
    wish = Wish(
        paths=tuple(paths or ()),
        policies=names,
        tracks=tuple(track or ()),
        json=json,
        decisions=decisions,
        html=html,
        min_days=min_days,
        prometheus=prometheus,
        selector=selector,
        token_file=token_file,
    )
    try:
        play(wish, Console())
    except (OSError, ValueError, OverflowError) as error:
        refuse(str(error), USAGE)
    except MemoryError as error:
        refuse(f"not enough memory to play this: {error}", USAGE)


if __name__ == "__main__":
    main()
