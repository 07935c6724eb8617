import yaml

from foresize_dev import apidocs, clustercrd
from foresize_dev.places import CRDS, REPOSITORY


def test_api_reference_is_what_the_crds_say() -> None:
    """docs/api.md has every field of every kind, with the CRD's own words, types and defaults."""
    assert (REPOSITORY / "docs" / "api.md").read_text() == apidocs.markdown()


def test_both_kinds_of_policy_have_one_schema() -> None:
    """A ClusterMemoryPolicy takes whatever a MemoryPolicy takes: its CRD is made from the other's."""
    made = (CRDS / "clustermemorypolicies.foresize.dev.yaml").read_text()

    assert clustercrd.manifest() == made, "run: python -m foresize_dev.clustercrd > crds/clustermemorypolicies..."
    own, cluster = (
        yaml.safe_load((CRDS / f"{plural}.foresize.dev.yaml").read_text())["spec"]["versions"][0]["schema"]
        for plural in ("memorypolicies", "clustermemorypolicies")
    )
    specs = [each["openAPIV3Schema"]["properties"]["spec"] for each in (own, cluster)]
    specs[1]["properties"].pop("namespaceSelector")
    specs[1]["required"].remove("namespaceSelector")
    assert specs[0] == specs[1]
