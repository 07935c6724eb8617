"""From a container's history to what is expected of it: levels, jumps above them, models, and which is believed."""
