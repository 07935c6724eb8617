"""Text from elsewhere (the API server's refusals, names, other people's webhooks), made fit to be shown."""

from __future__ import annotations


def plain(text: str) -> str:
    """One line that no terminal acts upon: what is not printable (escapes, line ends, bidi marks) becomes a blank."""
    return "".join(each if each.isprintable() else " " for each in text)


def cut(text: str, most_bytes: int) -> str:
    """At most so many bytes of UTF-8, with `...` where something is missing."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= most_bytes:
        return encoded.decode()
    return f"{encoded[: most_bytes - 3].decode(errors='ignore')}..."
