"""Replay: recorded memory played through sizing rules, and what would have come of it.

`traces` reads what was used, `sizers` names who sizes, `playing` lets each size every trace, `tally` counts what came
of it, `figures` and `results` tell it.
"""
