"""Sizes at pod creation where the API server has no MutatingAdmissionPolicy: a small server, answers from memory.

It stands alone: no kopf, no forecasting, no generated client, so that it starts in a moment and needs little.
"""
