"""A resource's fields, one by one: defaults filled in, errors that name the path, the value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from foresize.config.durations import seconds
from foresize.config.quantities import instant_s, memory_bytes

T = TypeVar("T")
INDEX = re.compile(r"\[\d+\]")
SHOWN_LENGTH = 60
"""Of a value in an error: enough to recognise it, and a condition stays readable."""


class Invalid(ValueError):  # noqa: N818 - as Kubernetes names the reason
    """A field that cannot be used; the text names its path, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one object in a resource. A field that is null is one that is not set."""

    path: str
    """From the resource's root, such as `spec.history`."""
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    """By path from the root; `[]` stands for any row of a list."""

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def given(self, name: str) -> bool:
        """Whether a field is set."""
        return self.values.get(name) is not None

    def value(self, name: str) -> Any:  # noqa: ANN401 - whatever a user wrote
        """A field as it is written, its default, or None."""
        given = self.values.get(name)
        return self.defaults.get(INDEX.sub("[]", self.at(name))) if given is None else given

    def invalid(self, name: str, allowed: str) -> Invalid:
        """The error for a field that is not what is allowed."""
        value = self.value(name)
        return Invalid(
            f"{self.at(name)} {f'is {shown(value)}' if self.given(name) else 'is missing'}: must be {allowed}"
        )

    def group(self, name: str) -> Fields:
        """The fields of an object; one that is not set has none."""
        value = self.value(name)
        if not isinstance(value, Mapping | None):
            raise self.invalid(name, "an object")
        return Fields(self.at(name), value or {}, self.defaults)

    def rows(self, name: str, most: int) -> Iterator[Fields]:
        """The objects in a list of 1 to `most`."""
        value = self.value(name)
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= most
            or not all(isinstance(row, Mapping) for row in value)
        ):
            raise self.invalid(name, f"a list of 1 to {most} objects")
        for index, row in enumerate(value):
            yield Fields(f"{self.at(name)}[{index}]", row, self.defaults)

    def switch(self, name: str) -> bool:
        """True or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise self.invalid(name, "true or false")
        return value

    def text(self, name: str, pattern: re.Pattern[str], allowed: str) -> str:
        """Text of which the whole matches a pattern."""
        value = self.value(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.invalid(name, allowed)
        return value

    def choice(self, name: str, choices: Mapping[str, T]) -> T:
        """What one of some words stands for."""
        value = self.value(name)
        if not isinstance(value, str) or value not in choices:
            raise self.invalid(name, f"one of {', '.join(choices)}")
        return choices[value]

    def number(self, name: str, low: float, high: float) -> float:
        """A number within bounds."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.invalid(name, f"a number from {low:g} to {high:g}")
        return float(value)

    def span_s(self, name: str, low: str, high: str) -> int:
        """A duration within bounds, in seconds."""
        value = self.value(name)
        with suppress(ValueError):
            if seconds(low) <= seconds(value) <= seconds(high):
                return seconds(value)
        raise self.invalid(name, f"a duration from {low} to {high}, written like 14d or 1h30m (units w, d, h, m, s)")

    def memory_bytes(self, name: str, low: str, high: str) -> int:
        """A memory quantity within bounds."""
        value = self.value(name)
        with suppress(ValueError):
            if memory_bytes(low) <= memory_bytes(value) <= memory_bytes(high):
                return memory_bytes(value)
        raise self.invalid(name, f"a memory quantity from {low} to {high}, for example 64Mi")

    def instant_s(self, name: str) -> float:
        """A time in Unix seconds."""
        with suppress(TypeError, ValueError):
            if instant := instant_s(self.value(name)):
                return instant
        raise self.invalid(name, "a time, written like 2026-01-31T12:00:00Z")


def shown(value: object) -> str:
    """A value in an error, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}..."
