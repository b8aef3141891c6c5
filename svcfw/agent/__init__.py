"""The agent: commands, files and modules for the multiplexer. On targets; imports svcfw.core and svcfw.files.disk.

Python 3.6, standard library only.
"""
