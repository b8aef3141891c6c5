"""The action `copy` for one file: what stock does in fewer round trips."""
