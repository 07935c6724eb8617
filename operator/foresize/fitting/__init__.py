"""Who computes forecasts: processes here, or a Dask cluster."""
