"""Delta transfer: which blocks of a file the receiver already has. Every context; imports svcfw.files.disk."""
