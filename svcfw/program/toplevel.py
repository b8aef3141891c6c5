"""`svcfw.main`: runs the main function of a program that uses the library."""

import logging
import sys

from svcfw.program.router import Router


def main(log_level):
    """The decorator, see svcfw.main."""

    def decorate(function):
        if function.__module__ != '__main__':
            return function
        logging.basicConfig(level=log_level, stream=sys.stderr, format='%(levelname)s %(name)s: %(message)s')
        with Router() as router:
            function(router)
        return function

    return decorate
