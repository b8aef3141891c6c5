"""Bootstrap of a context on a host with nothing but Python.

`first_stage` is the command line that runs on the host, `bundle` the code that is in the pipe before it runs.
Neither writes a file or waits for an answer.
"""
