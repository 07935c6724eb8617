"""The chart's Grafana dashboards, made from short descriptions: what is asked, how it is shown."""
