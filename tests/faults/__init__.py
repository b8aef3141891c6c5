"""Faults at random moments of real playbooks on real hosts, and what they cost."""
