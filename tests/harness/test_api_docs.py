from foresize_dev import apidocs
from foresize_dev.places import REPOSITORY


def test_api_reference_is_what_the_crds_say() -> None:
    """docs/api.md has every field of every kind, with the CRD's own words, types and defaults."""
    assert (REPOSITORY / "docs" / "api.md").read_text() == apidocs.markdown()
