"""FileService and its clients: files and folders between contexts. Everywhere; imports svcfw.service and svcfw.core.

Python 3.6, standard library only.
"""
