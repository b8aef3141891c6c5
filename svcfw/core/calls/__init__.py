"""The caller's side of calls. Everywhere, loaded on demand; imports svcfw.core."""
