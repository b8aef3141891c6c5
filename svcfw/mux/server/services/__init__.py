"""What modules may ask the multiplexer for: whose job offers what, calls that are passed on, files."""
