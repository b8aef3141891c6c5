"""Messages between clients and the multiplexer: frames on a UNIX socket; the handle is the kind of message.

The payload is an encoded value; `reply_to` is the number of a request, 0 for one without answer. A frame with the flag
GOODBYE closes a client in order; without it, the multiplexer kills what runs for the client.
"""

from typing import NamedTuple

#: Raised whenever a message changes its meaning; part of the socket's name, so that two versions do not meet.
VERSION = 8

# From the client.
#: (environment of the client, idle time in seconds, Spec.modules_python, its run or '', how many -v for ssh, None if it
#: is not to be told anything): see telling.py about the last two.
HELLO = 1
REQUEST = 2  # (link, hashed become key or None, timeout_s, operation, values): see requests.py
MEMBERS = 3  # (are they core's own, [(name, digest, content), ...]), the answer to NEED_MEMBERS
BECOME_START = 4  # (command, need_tty, has_password, folder; see Become), the answer to BECOME_BUILD
BECOME_INPUT = 5  # bytes to type, an answer to BECOME_OUTPUT
STOP = 6  # end the multiplexer
#: (link, timeout_s): a request for this context will follow, of this client or another one of its run.
BEGIN = 7
#: None, with a number, before any greeting: what is under way, see server/health/status.py.
STATUS = 8

# To the client.
WELCOME = 20  # (the multiplexer's process id, the key of its hashes, with which become keys are sent)
RESULT = 21  # the value asked for; (number, stdout, stderr) for what has output
PART = 22  # (stdout, stderr), before the result
NEED_MEMBERS = 23  # the zip named in the module request is unknown
BECOME_BUILD = 24  # the boot command to wrap: the child does not exist yet
BECOME_OUTPUT = 25  # output of the wrapped command
START_FAILED = 26  # (kind, host, cause, remedy, status) of a StartError
DEFERRED_FAILED = 27  # (operation, path, status, cause); or (SERVICE, its name, 1, cause): the request was not begun
LOST = 28  # the reason: the context is gone
ABOUT = 29  # before an answer, to those of a run: the fields of telling.About
COST = 30  # the same: the fields of telling.Cost
SAID = 31  # before an answer: what services of the run have said, a list of (level, service, text)
ALIVE = 32  # None, every few seconds, to those who wait: the multiplexer is there, whatever it is asked takes

#: In the place of an operation: a service that the request names cannot be used.
SERVICE = 'service'

# Operations of the multiplexer's own, beside those of ops.py; what they mean stands in requests.py.
FACTS = 'facts'
RESET = 'reset'
SUMMARY = 'summary'
HOST_OUT = 'host out'
LARGE = 'large'
PUT_WHOLE = 'put whole'
PUT_PART = 'put part'


class Method(NamedTuple):
    """What calls of one method of a service came to: how many were made, and how many of them were carried out."""

    service: str
    name: str
    calls: int
    executions: int
    failures: int
    seconds: float
