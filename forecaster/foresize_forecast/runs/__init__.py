"""The next run of a Job, from its runs before: when it starts, what it needs through its time."""
