"""How the multiplexer is: its log, what is under way in it (`svcfw status`), who waits for whom. In its process."""
