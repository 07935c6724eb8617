"""From what is expected to request and limit: the day's plan, the room for jumps, the bounds."""
