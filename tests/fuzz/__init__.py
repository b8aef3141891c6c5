"""Coverage-guided fuzzing of all that reads bytes of a peer."""
