"""Files and folders on the disk, read and written safely. Everywhere; imports svcfw.core alone."""
