"""Processes that run for a request: commands and module runs, and their output. On targets, in the agent's process."""
