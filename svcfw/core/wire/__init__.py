"""The protocol, sans-I/O: bytes in, events out. No socket, thread, clock or log."""
