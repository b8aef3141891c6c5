"""Delta transfer: which blocks of a file the receiver has already. Everywhere; imports svcfw.files.disk."""
