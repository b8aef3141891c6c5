"""Processes that run for requests (commands, module runs) and their output. On targets, in the agent's process."""
