from foresize_dev import metricdocs
from foresize_dev.places import REPOSITORY


def test_the_page_of_metrics_is_what_is_served() -> None:
    """docs/metrics.md has every metric of operator and webhook, with its labels and its own words."""
    assert (REPOSITORY / "docs" / "metrics.md").read_text() == metricdocs.markdown()
