"""What `kubectl explain` says of the CRDs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
OTHERS = ("apiVersion", "kind", "metadata")
"""Every object has them, and kubectl knows them."""
Json = dict[str, Any]


def fields(schema: Json, path: str) -> Iterator[tuple[str, str]]:
    """Every field below a schema, with its description."""
    for name, field in schema.get("properties", {}).items():
        at = f"{path}.{name}"
        yield at, field.get("description", "")
        yield from fields(field, at)
        yield from fields(field.get("items", {}), f"{at}[]")
        inner = field.get("additionalProperties")
        yield from fields(inner if isinstance(inner, dict) else {}, f"{at}{{}}")


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.name)
def test_every_field_has_a_sentence(path: Path) -> None:
    """`kubectl explain` answers for each field, and for the kind itself, with words that end."""
    crd = yaml.safe_load(path.read_text())
    [version] = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    told = {crd["spec"]["names"]["kind"]: schema.get("description", "")}
    told |= {at: words for at, words in fields(schema, "") if at.lstrip(".") not in OTHERS}

    assert [] == [at for at, words in told.items() if not words.strip()]
    assert [] == [at for at, words in told.items() if not words.rstrip().endswith((".", ")"))]


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.name)
def test_every_kind_is_easy_to_ask_for(path: Path) -> None:
    """A short name, a category with all of Foresize's kinds, and columns for `kubectl get`."""
    crd = yaml.safe_load(path.read_text())
    names, [version] = crd["spec"]["names"], crd["spec"]["versions"]

    assert names.get("shortNames")
    assert "foresize" in names.get("categories", [])
    assert version.get("additionalPrinterColumns")
