"""Files and folders on disk, read and written safely. Every context; imports only svcfw.core."""
