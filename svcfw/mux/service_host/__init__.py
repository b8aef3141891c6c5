"""What runs in the process in which the services of one run of ansible live.

Controller; a child of the multiplexer, started with the interpreter of the run.
"""
