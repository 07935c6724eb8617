"""The clocks and what a pass does: refit, look, move, report. They join what was seen, the brain and the doors."""
