"""Where memory is read: Prometheus, or metrics-server with what was seen of it. All of it reading."""
