"""Which pods a policy gives away before their node runs out of memory."""

from enum import StrEnum


class Consent(StrEnum):
    """Who may go."""

    NONE = "None"
    IDLE = "Idle"
    """Those that are idle (`idle.action: Evict`)."""
    ANY = "Any"
    """Those too that work, the lowest priority first (`pressure.evict: LowestPriority`)."""
