"""The API server: a bounded client, the lease and kill switch that every door checks."""
