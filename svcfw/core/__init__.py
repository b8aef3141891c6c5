"""What runs in every context: the loop, the router, values and frames. Python 3.6, standard library only."""

import sys


def load(module):
    """Import a module that is not part of the bootstrap: it is requested from the parent on first use."""
    __import__(module)
    return sys.modules[module]
