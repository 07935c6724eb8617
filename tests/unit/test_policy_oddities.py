"""MemoryPolicies that no schema has looked at."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from foresize.config.policy import DEFAULTS, Policy, PolicyProblem, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1h", "1Gi", "*"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=6,
)
METADATA = {"namespace": "shop", "name": "web"}
PATHS = [path.replace("[]", ".0").split(".")[1:] for path in DEFAULTS] + [
    ["target", *below] for below in (["ref"], ["ref", "name"], ["selector"], ["selector", "matchExpressions"])
]


def _set(into: Any, path: list[str], value: object) -> None:
    for name, following in zip(path, [*path[1:], ""], strict=True):
        empty: Any = value if not following else [{"name": "*"}] if following == "0" else {}
        into = into[0] if name == "0" else into.setdefault(name, empty)


@given(st.sampled_from(PATHS), JSON)
def test_no_value_of_any_field_is_too_odd(path: list[str], value: object) -> None:
    """Whatever stands in a field, the answer is a policy or a message: one bad policy never stops the others."""
    spec: dict[str, Any] = {} if path[0] == "target" else {"target": {"selector": {}}}
    _set(spec, path, value)

    assert isinstance(parse({"metadata": METADATA, "spec": spec}), Policy | PolicyProblem)


@given(JSON, JSON)
def test_no_resource_is_too_odd(metadata: object, spec: object) -> None:
    """The same for a policy that has nothing in the right place."""
    assert isinstance(parse({"metadata": metadata, "spec": spec}), PolicyProblem)
