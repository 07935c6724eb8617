"""What of a decision reaches which pod: QoS, room and quota, refusals, canaries, the template, the way back."""
