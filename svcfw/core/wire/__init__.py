"""The protocol without its I/O: bytes in, events out. No socket, thread, clock or log in here."""
