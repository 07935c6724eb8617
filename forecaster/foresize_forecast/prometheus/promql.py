"""PromQL text from values: selectors whose label values and patterns mean exactly what they say.

The only place where text becomes part of a query. Everything that comes from a user, a policy or the cluster passes
through `quoted` or `literal`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
OPERATORS = ("=~", "!~", "!=", "=")
MATCHER = re.compile(r"\s*([^\s=!~,]+)\s*(=~|!~|!=|=)\s*(\"(?:[^\"\\]|\\.)*\")\s*(?:,|$)", re.DOTALL)
ESCAPES = {"\\": "\\", '"': '"', "n": "\n"}
RE2_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")

RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""The letters of generated names (k8s.io/apimachinery/pkg/util/rand): no vowels, nothing that looks alike."""
RANDOM_LENGTH = 5
HASH_LENGTH = 10
"""A pod template's hash is a 32-bit number in decimal, written in those letters."""
BASE_LENGTH = 58
"""Generated pod names keep this much of the name in front (63 less the random letters)."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label, as in `cluster="eu"`; `value` is the text meant, without quotes or escapes."""

    label: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        if not LABEL_NAME.fullmatch(self.label):
            raise ValueError(f"{self.label!r} is no label name: letters, digits and _ are allowed, no digit in front")
        if self.operator not in OPERATORS:
            raise ValueError(f"{self.operator!r} is no operator: {', '.join(OPERATORS)} are")

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{quoted(self.value)}"


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    r"""Matchers from text, such as `cluster="eu",tenant=~"a|b"`; empty text has none.

    Raises:
        ValueError: the text is something else; the message shows where.
    """
    matchers, at = [], 0
    while at < len(text.rstrip()):
        found = MATCHER.match(text, at)
        if not found:
            raise ValueError(f'cannot read {text[at:]!r}: matchers look like cluster="eu",tenant=~"a|b"')
        label, operator, value = found.groups()
        matchers.append(Matcher(label, operator, _unquoted(value)))
        at = found.end()
    return tuple(matchers)


def selector(metric: str, matchers: Iterable[Matcher]) -> str:
    """The series of a metric that fulfil all matchers."""
    return f"{metric}{{{','.join(map(str, matchers))}}}"


def quoted(text: str) -> str:
    r"""A PromQL string that means `text`: in quotes, with quotes, backslashes and line ends escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def literal(text: str) -> str:
    """A pattern that matches `text` and nothing else, in Prometheus' regular expressions (RE2)."""
    return RE2_SPECIAL.sub(r"\\\1", text)


def one_of(texts: Iterable[str]) -> str:
    """A pattern that matches any of the texts."""
    return "|".join(literal(text) for text in texts)


def pod_pattern(kind: str, name: str) -> str:
    """A pattern for the names of a workload's pods, living and dead.

    A guess for clusters where owners are not recorded: names do not say it for sure. A DaemonSet `web-bcd` has pods
    that look like those of a Deployment `web`.

    Args:
        kind: the owner's kind. Of kinds that are not Kubernetes' own, the pods are taken to be named
            `<name>-<one or two parts>`.
        name: the owner's name.

    Worked: Deployment `web` has pods such as `web-6d4cf56db6-x7k2p`, StatefulSet `db` has `db-0`.
    """
    random = f"{RANDOM}{{{RANDOM_LENGTH}}}"
    match kind:
        case "Pod":
            return literal(name)
        case "StatefulSet":
            return f"{literal(name)}-[0-9]+"
        case "DaemonSet" | "ReplicaSet" | "ReplicationController":
            return _cut(name) + random
        case "Job":
            return f"{_cut(name)}([0-9]+-)?{random}"
        case "CronJob":
            return f"{literal(name)}-[0-9]{{8,10}}-([0-9]+-)?{random}"
        case "Deployment" | "Rollout":
            return _cut(name) + _hash(len(name)) + random
        case _:
            return f"{literal(name)}-[a-z0-9]+(-[a-z0-9]+)?"


def _cut(name: str) -> str:
    return literal(f"{name}-"[:BASE_LENGTH])


def _hash(name_length: int) -> str:
    room = BASE_LENGTH - name_length - 1
    if room <= 0:
        return ""
    if room > HASH_LENGTH:
        return f"{RANDOM}{{1,{HASH_LENGTH}}}-"
    return f"{RANDOM}{{1,{room}}}-?"


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", _unescaped, text[1:-1], flags=re.DOTALL)


def _unescaped(found: re.Match[str]) -> str:
    if found[1] not in ESCAPES:
        raise ValueError(f'unknown escape {found[0]!r}: \\\\, \\" and \\n are known')
    return ESCAPES[found[1]]
