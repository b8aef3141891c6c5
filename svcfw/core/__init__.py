"""What runs in every context: the loop, the router, values and frames. Python 3.6, standard library only."""

import sys


def load(module):
    """A module that is not part of what every context starts from: it comes from above when it is wanted first."""
    __import__(module)
    return sys.modules[module]
