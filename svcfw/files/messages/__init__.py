"""Files and folders as sequences of messages. Every context; imports svcfw.files.disk and svcfw.files.delta."""
