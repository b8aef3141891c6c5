"""The ends of sockets by which jobs become contexts. On targets, in the agent's process; loaded as far as one does."""
