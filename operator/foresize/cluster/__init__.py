"""What there is in the cluster, read and given as values: workloads, pods, nodes, who owns what."""
