"""The bound that a container's process keeps its heap to, as its command, arguments and environment say. Pure.

Flags that come from elsewhere (a ConfigMap, an entry point in the image) are not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from foresize_forecast.heaps import Heap, Runtime

Json = Mapping[str, Any]
UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}
REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
JAVA_FLAG = re.compile(r"(?P<whole>-Xmx(?P<xmx>\d+[kKmMgGtT]?)|-XX:MaxHeapSize=(?P<size>\d+[kKmMgGtT]?))(?=\s|$)")
JAVA_SHARE = re.compile(r"-XX:MaxRAMPercentage=(?P<share>\d+(?:\.\d+)?)(?=\s|$)")
NODE_FLAG = re.compile(r"--max[-_]old[-_]space[-_]size[= ](?P<mebibytes>\d+)(?=\s|$)")
GO_VALUE = re.compile(r"(?P<number>\d+)(?P<unit>B|KiB|MiB|GiB|TiB)?")
JAVA_FIRST = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
"""Read by the JVM and its launcher before the command line, which goes over them."""
JAVA_SCRIPTS = ("JAVA_OPTS", "JAVA_OPTIONS", "CATALINA_OPTS", "JVM_OPTS", "ES_JAVA_OPTS", "KAFKA_HEAP_OPTS")
"""Put on the command line by the entry points of widespread images."""
JAVA_LAST = ("_JAVA_OPTIONS",)
JAVA_DEFAULT_SHARE = 0.25
"""MaxRAMPercentage where it is not given (`java -XX:+PrintFlagsFinal`)."""
MAX_BYTES = 1 << 50
"""What is above has no meaning as a heap."""


def heap_of(container: Json) -> Heap | None:
    """The bound of a container's heap; None where nothing tells of one."""
    known = {each["name"]: each["value"] for each in container.get("env") or [] if each.get("value")}
    environment = {name: _expanded(value, known) for name, value in known.items()}
    words = [_expanded(word, known) for word in (*(container.get("command") or []), *(container.get("args") or []))]
    heap = _jvm(words, environment) or _node(words, environment) or _go(environment)
    return heap if heap is None or heap.cap_bytes is None or 0 < heap.cap_bytes <= MAX_BYTES else None


def _jvm(words: list[str], environment: Mapping[str, str]) -> Heap | None:
    """A fixed heap goes before a share; of several flags the JVM takes the last."""
    line = " ".join(
        (*_of(environment, JAVA_FIRST), *_of(environment, JAVA_SCRIPTS), *words, *_of(environment, JAVA_LAST))
    )
    fixed = list(JAVA_FLAG.finditer(line))
    if fixed:
        text = fixed[-1]["xmx"] or fixed[-1]["size"]
        number, unit = (text, "") if text[-1].isdigit() else (text[:-1], text[-1])
        return Heap(Runtime.JVM, fixed[-1]["whole"], cap_bytes=int(number) * 1024 ** UNITS[unit.lower()])
    shares = list(JAVA_SHARE.finditer(line))
    if shares:
        return Heap(Runtime.JVM, shares[-1][0], share=float(shares[-1]["share"]) / 100)
    if any(word.rpartition("/")[2] == "java" for word in words[:1]):
        return Heap(Runtime.JVM, "its default", share=JAVA_DEFAULT_SHARE)
    return None


def _node(words: list[str], environment: Mapping[str, str]) -> Heap | None:
    found = list(NODE_FLAG.finditer(" ".join((*_of(environment, ("NODE_OPTIONS",)), *words))))
    return Heap(Runtime.NODE, found[-1][0], cap_bytes=int(found[-1]["mebibytes"]) << 20) if found else None


def _go(environment: Mapping[str, str]) -> Heap | None:
    text = environment.get("GOMEMLIMIT", "")
    found = GO_VALUE.fullmatch(text)
    if not found:
        return None
    unit = (found["unit"] or "B")[0].lower()
    return Heap(Runtime.GO, f"GOMEMLIMIT={text}", cap_bytes=int(found["number"]) * 1024 ** UNITS[unit])


def _of(environment: Mapping[str, str], names: tuple[str, ...]) -> Iterator[str]:
    return (environment[name] for name in names if name in environment)


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """As Kubernetes does it: `$(NAME)` of a variable that is known, other text as it is."""
    return REFERENCE.sub(lambda found: known.get(found[1], found[0]), text)
