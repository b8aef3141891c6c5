"""Contents that an intermediate context relays, each fetched over the long link once.

Every context; imports svcfw.files.disk and svcfw.files.store.
"""
