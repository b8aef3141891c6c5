"""How a context comes to life where nothing but Python is installed.

`first_stage` is the command line that is run over there, `bundle` the code that is in the pipe before it runs.
Neither leaves a file, neither waits for an answer.
"""
