"""Writes the reference of the command line: `python -m foresize_dev.clidocs > docs/command-line.md`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer

from foresize.cli import app

HEAD = """# The command line

Made from the program by `python -m foresize_dev.clidocs > docs/command-line.md`.

`pip install .` installs `foresize`. The same program is a plugin of kubectl: with `kubectl-foresize` in the PATH, which the
installation puts there, every command is also `kubectl foresize COMMAND`. In the operator's pod it is at hand as
`kubectl exec --namespace foresize deploy/foresize -- foresize COMMAND`.

| command | writes to a cluster |
| --- | --- |
| `doctor`, `simulate`, `diff`, `explain`, `report`, `ui`, `migrate` | nothing; `doctor` asks the API server about rights, of which nothing is kept |
| `replay`, `version` | reach no API server |
| `release` | sizes of pods and templates, back to what their owners wrote |
| `run` | it is the operator |

## Which cluster, which Prometheus

Commands ask the cluster that kubectl would (`KUBECONFIG`, then `~/.kube/config`), or that of `--kubeconfig`; in a pod, its own.
Where history is needed they read the operator's settings from its Deployment and reach its Prometheus through the API server, as
`kubectl proxy` does: that takes the right to `get` `services/proxy` there. `--prometheus URL` asks another address directly, such as one
of `kubectl port-forward`. Without a Deployment in `--operator-namespace` the settings are those of the environment ([settings](settings.md)):
who may read one namespace only sets `FORESIZE_NAMESPACES=shop`, and `simulate` then looks no further.

## Exit codes

| code | means |
| --- | --- |
| 0 | done; for `doctor`, nothing is broken |
| 1 | not done, or not all of it; for `doctor`, something does not work |
| 2 | the command, a file or a setting cannot be used |
| 3 | `diff`: something would change |
| 124 | no answer within `--timeout` |
| 130 | interrupted |

Errors are one line on standard error, beginning with `foresize:`. With `-o json` or `-o yaml` standard output holds nothing but the document.

## Completion

`foresize --install-completion` adds it to your shell, `foresize --show-completion` prints it. kubectl 1.26 and later completes
`kubectl foresize` by the program `kubectl_complete-foresize`, which is installed beside it.
"""  # noqa: E501 - the lines of a page
MARKUP = re.compile(r"\\\[")


def markdown() -> str:
    """The page docs/command-line.md."""
    group: Any = typer.main.get_command(app)
    parts = [HEAD]
    for name, command in sorted(_commands(group)):
        parts.extend(_command(name, command))
    return "\n".join(parts)


def _commands(group: Any, above: str = "foresize") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


def _command(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - typer's own
    arguments = [each for each in command.params if not each.opts[0].startswith("-")]
    options = [each for each in command.params if each.opts[0].startswith("-") and each.name != "help"]
    usage = " ".join([name, *(_cell(each.metavar or each.name.upper()) for each in arguments)])
    yield f"## {name}\n\n    {usage}\n\n{_unwrapped(command.help or '')}\n"
    if name == "foresize run":
        yield "Its options are [the settings](settings.md).\n"
        return
    yield "| | |\n| --- | --- |"
    for each in arguments:
        yield f"| `{_cell(each.metavar or each.name.upper())}` | {_cell(each.help or '')} |"
    for each in options:
        named = ", ".join(f"`{flag}`" for flag in sorted([*each.opts, *each.secondary_opts], key=len))
        default = f" Default: `{each.default}`." if isinstance(each.default, str | float) and each.default else ""
        variable = f" Variable: `{each.envvar}`." if each.envvar else ""
        yield f"| {named} | {_cell(each.help or '')}{default}{variable} |"
    yield ""


def _unwrapped(text: str) -> str:
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))


def _cell(text: str) -> str:
    return MARKUP.sub("[", text).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
