"""Replay: recorded history played through sizing rules, and what would have come of it.

A trace is a `History`. `simulate` plays it through a `Sizer`, ours or a peer's, and `figures` judges what it set.
"""
