"""The hands: what watches policies and pods, asks the brain, and acts through five narrow doors.

Nothing here computes a size; `foresize_forecast` does, and a test holds the hands to it.
"""
