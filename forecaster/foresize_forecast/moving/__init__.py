"""Who may leave a node or go to sleep: idleness, consent, windows and budgets, the pods that an eviction would help."""
