"""The development harness: builds a cluster's parts, boots one on this machine and runs the operator against it.

Used by the tests of the cluster tier, the demo and the Makefile. Never shipped in the package or the image.
"""
