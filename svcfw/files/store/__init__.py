"""Contents by their SHA-256, in memory and on disk. Every context; imports svcfw.files.disk."""
