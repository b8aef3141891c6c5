"""FileService and its clients: files and folders between contexts.

Runs in every context: Python 3.6, stdlib only. Imports svcfw.service and svcfw.core.
"""
