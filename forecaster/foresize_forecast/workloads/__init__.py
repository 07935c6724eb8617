"""One look at a workload: its containers decided, its pods compared; its runs, its replicas apart, its budget."""
