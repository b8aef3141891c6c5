"""What a context does for those below it. In contexts that have children; imports svcfw.core."""
