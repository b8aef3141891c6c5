"""What runs in the process in which one service of a run of ansible lives.

Controller; a child of the multiplexer, started with the interpreter of the run.
"""
