"""Writes the table of values into the chart's README: `python -m foresize_dev.chartdocs`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from foresize_dev.places import CHART

README = CHART / "README.md"
BEGIN, END = "<!-- values: made by python -m foresize_dev.chartdocs -->\n", "<!-- end of values -->\n"
LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w./-]+):(?P<value>.*)$")
COMMENT = re.compile(r"^ *# ?(?P<text>.*)$")
EXAMPLE = re.compile(r"^(- )?[\w.]+: .*|^  +\w.*")
"""A comment that shows how a value may look: no sentence."""


@dataclass(frozen=True)
class Value:
    """One value that a user may set."""

    path: str
    default: Any
    text: str
    """What stands above it; of several that share a sentence, only the first has it."""


def values() -> list[Value]:
    """All of values.yaml, in its order."""
    text = (CHART / "values.yaml").read_text()
    loaded = yaml.safe_load(text)
    return [Value(path, _at(loaded, path), words) for path, words in _described(text) if _is_leaf(loaded, path)]


def readme() -> str:
    """The README with the table as it should be."""
    head, _, rest = README.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    rows = (f"| `{each.path}` | `{_shown(each.default)}` | {each.text.replace('|', '/')} |" for each in values())
    table = "\n".join(["| value | default | |", "| --- | --- | --- |", *rows])
    return f"{head}{BEGIN}\n{table}\n\n{END}{tail}"


def _described(text: str) -> Iterator[tuple[str, str]]:
    """(path, comment) of each key; a group's own comment goes to the first value in it, where that has none."""
    keys: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        if comment := COMMENT.match(line):
            said += [] if EXAMPLE.match(comment["text"]) else [comment["text"].strip()]
        elif found := LINE.match(line):
            indent = len(found["indent"])
            keys = [each for each in keys if each[0] < indent] + [(indent, found["key"])]
            yield ".".join(key for _, key in keys), " ".join(said)
            said = [] if found["value"].strip() else said
        elif not line.strip():
            said = []


def _at(loaded: Any, path: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    for key in path.split("."):
        loaded = loaded[key]
    return loaded


def _is_leaf(loaded: Any, path: str) -> bool:  # noqa: ANN401 - as above
    try:
        found = _at(loaded, path)
    except (KeyError, TypeError):
        return False
    return not isinstance(found, dict) or not found or any("/" in key for key in found)


def _shown(default: Any) -> str:  # noqa: ANN401 - as above
    return json.dumps(default)


if __name__ == "__main__":
    README.write_text(readme())
