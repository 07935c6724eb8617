"""Writes the CRD of ClusterMemoryPolicy from the one of MemoryPolicy: one schema, two scopes.

`python -m foresize_dev.clustercrd > crds/clustermemorypolicies.foresize.dev.yaml`
"""

import sys
from collections.abc import Mapping
from typing import Any

import yaml

from foresize_dev.places import CRDS

Json = dict[str, Any]
SOURCE = "memorypolicies.foresize.dev.yaml"
HEAD = "# Made from memorypolicies.foresize.dev.yaml by `python -m foresize_dev.clustercrd`: change that one.\n"
DESCRIPTION = (
    "ClusterMemoryPolicy is a MemoryPolicy for the namespaces that a selector finds, for those who run the cluster. A "
    "namespace's own MemoryPolicy goes before it, workload by workload. On its own it recommends and changes nothing."
)
SELECTOR = (
    "Namespaces whose workloads the policy is about, by their labels; an empty selector selects all. kube-system and "
    "its like only where the operator's setting allows it, and never the namespace of Foresize itself."
)
COLUMN = {
    "name": "Namespaces",
    "type": "integer",
    "jsonPath": ".status.namespaces",
    "description": "Namespaces the policy covers.",
}


def manifest() -> str:
    """The CRD, as YAML."""
    crd: Json = yaml.safe_load((CRDS / SOURCE).read_text())
    crd["metadata"]["name"] = "clustermemorypolicies.foresize.dev"
    spec = crd["spec"]
    spec["scope"] = "Cluster"
    spec["names"] |= {
        "kind": "ClusterMemoryPolicy",
        "listKind": "ClusterMemoryPolicyList",
        "plural": "clustermemorypolicies",
        "singular": "clustermemorypolicy",
        "shortNames": ["cmpol"],
    }
    [version] = spec["versions"]
    columns = version["additionalPrinterColumns"]
    columns.insert(next(at for at, each in enumerate(columns) if each["name"] == "Workloads"), COLUMN)
    _widen(version["schema"]["openAPIV3Schema"])
    return HEAD + yaml.dump(crd, Dumper=_Plain, sort_keys=False, width=130, allow_unicode=True)


def _widen(schema: Json) -> None:
    """Add what only a policy of the cluster has."""
    schema["description"] = DESCRIPTION
    properties = schema["properties"]
    properties["kind"]["description"] = "Always ClusterMemoryPolicy."
    asked, told = properties["spec"], properties["status"]
    asked["required"] = ["namespaceSelector", *asked["required"]]
    asked["properties"] = {"namespaceSelector": _selector(asked["properties"]), **asked["properties"]}
    count = {"type": "integer", "format": "int32", "description": COLUMN["description"]}
    told["properties"] = {"namespaces": count, **told["properties"]}


def _selector(fields: Mapping[str, Any]) -> Json:
    """The schema of a label selector, as `target.selector` has it, with its own path in messages."""
    text = yaml.dump(fields["target"]["properties"]["selector"], Dumper=_Plain, sort_keys=False)
    selector: Json = yaml.safe_load(
        text.replace("target.selector", "namespaceSelector").replace("a workload", "a namespace")
    )
    return selector | {"description": SELECTOR}


class _Plain(yaml.SafeDumper):
    """Writes every value out: an anchor is no part of a manifest that people read."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


if __name__ == "__main__":
    sys.stdout.write(manifest())
