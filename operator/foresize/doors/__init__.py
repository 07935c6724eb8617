"""The only writers to workloads: resize, admission, template, evict."""
