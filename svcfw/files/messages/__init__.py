"""Files and folders as sequences of messages. Everywhere; imports svcfw.files.disk and svcfw.files.delta."""
