"""Runs on targets, in and beside an agent: modules in warm processes, file operations. Python 3.6, stdlib only."""
