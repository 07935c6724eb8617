"""One container's decision: what is remembered, when a size moves, what a kill, a stall or a steep rise changes."""
