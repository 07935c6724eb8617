from foresize_dev import chartdocs


def test_the_readme_has_every_value_with_its_default_and_its_words() -> None:
    """The table is made from values.yaml: `python -m foresize_dev.chartdocs` writes it."""
    assert chartdocs.README.read_text() == chartdocs.readme()
    listed = {each.path for each in chartdocs.values()}
    assert {"prometheus.url", "operator.nodeSelector", "metrics.prometheusRule.alerts"} <= listed
