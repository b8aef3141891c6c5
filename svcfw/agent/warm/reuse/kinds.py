"""Why a process runs no further module: what differs from its snapshot. Read on the controller, too."""

#: In words (str). Their places travel (pipe.RAN): new ones go to the end.
KINDS = (
    '', 'its status', 'a thread', 'a child', 'a descriptor', 'its account', 'a limit', 'the working directory',
    'the umask', 'a signal', 'a timer', 'its priority', 'the environment', 'the time zone', 'exit functions', 'tracing',
    'an import', 'a global', 'a logger', 'its memory', 'its number of runs', 'an error', 'the first run',
)  # fmt: skip
