"""Contents by their SHA-256, in memory and on the disk. Everywhere; imports svcfw.files.disk."""
