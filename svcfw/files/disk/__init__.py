"""Files and folders on disk, read and written safely. Every context; imports svcfw.core and files.contract."""
