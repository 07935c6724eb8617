"""The brain: what a container's memory will be, and what size follows from it.

Nothing here knows Kubernetes' API or kopf, and nothing does I/O except `prometheus` and `replay.traces`, which read.
Everything else is a function from values to values, so that a replay and the running operator decide alike.
"""
