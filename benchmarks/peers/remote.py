"""What the children of the libraries run that can call a function by name."""

import os


def echo(value):
    return value


def rss_kib():
    """Resident memory of this process."""
    with open('/proc/self/status') as status:
        for line in status:
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
    return 0


def pid():
    return os.getpid()
