"""The demo: the main job on a cluster of this machine's own, in a few minutes, and whether the story came true."""
