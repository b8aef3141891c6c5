"""Contents that an intermediate context passes on, each fetched over the long link once.

Everywhere; imports svcfw.files.disk and svcfw.files.store.
"""
