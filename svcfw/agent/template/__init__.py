"""Starts, selects and feeds warm processes (templates). On targets, in the agent's process."""
