"""Processes forked ahead of the runs that use them, and used again while they are as they were. From `warm` only."""
