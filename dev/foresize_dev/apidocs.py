"""Writes the reference of the API from the CRDs: `python -m foresize_dev.apidocs > docs/api.md`."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from foresize_dev.places import CRDS

Schema = Mapping[str, Any]
ORDER = ("memorypolicies", "clustermemorypolicies", "memoryforecasts", "memorysizes")
ADDED = {"ClusterMemoryPolicy": ("namespaceSelector", "namespaces")}
"""Of a kind that is a MemoryPolicy but for these fields."""
HEAD = """# API reference

Made from `crds/` by `python -m foresize_dev.apidocs > docs/api.md`. Group `foresize.dev`, version `v1alpha1`.

Durations are sequences of whole numbers with w, d, h, m or s, such as `14d` or `1h30m`. Sizes are quantities as in
Kubernetes, such as `64Mi`. Fields in bold are required.
"""
TABLE = "| field | type | default | |\n| --- | --- | --- | --- |"


def markdown() -> str:
    """The page docs/api.md."""
    parts = [HEAD]
    for plural in ORDER:
        crd = yaml.safe_load((CRDS / f"{plural}.foresize.dev.yaml").read_text())
        parts.extend(_kind(crd["spec"]))
    return "\n".join(parts)


def _kind(spec: Schema) -> Iterator[str]:
    names, schema = spec["names"], spec["versions"][0]["schema"]["openAPIV3Schema"]
    yield f"## {names['kind']}\n\nShort name `{names['shortNames'][0]}`. {schema['description']}\n"
    for part in ("spec", "status"):
        if part in schema["properties"]:
            yield f"### {names['kind']} {part}\n\n{_but_for(names['kind'])}{TABLE}"
            yield "\n".join(_rows(_told(schema["properties"][part], names["kind"]), ""))
            yield ""


def _but_for(kind: str) -> str:
    return "All that a MemoryPolicy has, and:\n\n" if kind in ADDED else ""


def _told(schema: Schema, kind: str) -> Schema:
    """The fields that are not told already."""
    if kind not in ADDED:
        return schema
    return {
        **schema,
        "properties": {name: schema["properties"][name] for name in ADDED[kind] if name in schema["properties"]},
    }


def _rows(schema: Schema, above: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        path = f"{above}{name}"
        shown = f"**`{path}`**" if name in schema.get("required", []) else f"`{path}`"
        yield f"| {shown} | {_type(field)} | {_default(field)} | {_cell(field['description'])} |"
        yield from _inside(field, path)


def _inside(field: Schema, path: str) -> Iterator[str]:
    if "properties" in field:
        yield from _rows(field, f"{path}.")
    elif "properties" in field.get("items", {}):
        yield from _rows(field["items"], f"{path}[].")
    elif isinstance(field.get("additionalProperties"), dict) and field["additionalProperties"].get("type") == "object":
        inner = field["additionalProperties"]
        if "description" in inner:
            yield f"| `{path}.*` | {_type(inner)} | | {_cell(inner['description'])} |"
        yield from _inside(inner, f"{path}.*")


def _type(field: Schema) -> str:
    if "enum" in field:
        return " \\| ".join(f"`{each}`" for each in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("format") == "date-time":
        return "time"
    return "map" if "additionalProperties" in field else str(field["type"])


def _default(field: Schema) -> str:
    if "default" not in field or isinstance(field["default"], dict | list):
        return ""
    default = field["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
