"""The agent's side of its warm processes: starting, choosing and feeding them. On targets, in the agent's process."""
