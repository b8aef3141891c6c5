"""Data files of packages that came from the context above. Everywhere, loaded on demand; imports svcfw.core."""
