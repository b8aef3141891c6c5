"""Messages that arrive over time, and waiting for several sources. Everywhere, loaded on demand; imports svcfw.core."""
