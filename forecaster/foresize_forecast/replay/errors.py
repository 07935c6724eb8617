"""What is wrong with what a user gave to replay: one line that names the file or field and what was expected."""

from __future__ import annotations


class TraceError(ValueError):
    """A trace, or a wish about it, that cannot be used; the message is for the user."""
