"""The names of an agent's operations, and its answers. Requests themselves are declared in requests.py.

A request is (operation, session, values of its fields): `session` is an int that stands for one client of the
multiplexer. Requests of one session are carried out, or started, in the order in which they arrive.

Answered ones:
    COMMAND, MODULE, FETCH   any number of (PART, stdout, stderr) and one (DONE, number, stdout, stderr); a part costs
                             as many bytes of the request's credit, which begins with limits.WINDOW_BYTES.
                             number: the exit status, or minus the signal that ended a command; of FETCH the
                             permission bits, with SIZE as stderr of the first part and the SHA-256 as stderr at the
                             end. DONE of MODULE has two more: which run of its process it was, and why that was a
                             new one (see kinds.KINDS). MODULE also (UNFIT, cause): it did not run, since its
                             interpreter cannot be kept warm
    EXPAND                   the expanded text
    CHILD                    messages (CHILD_OUTPUT, bytes), then (CHILD_READY, id, facts) or (CHILD_FAILED, kind, host,
                             cause, remedy, status or None) of a StartError
    FLUSH, DISMISS, WIPE     None
    PUT_KEPT                 whether it was done
Not answered: MKDTEMP, PUT, PUT_HELD, CHMOD, REMOVE. A failure is sent as (session, operation, path, status, cause) to
the requester's handle AGENT, and all further requests of that session are dropped until its next answered one, which is
refused. RELAY passes a request on to the agent of a child, unless something failed here before it.
Not answered, and performed whatever failed before: all others.

A context that is not what a new one would be is *stale* (standing.py). It refuses what is answered, FLUSH aside, before
anything is done, with a reason that begins with STALE: what came before it in that session is done.
A request whose message is at least ACK_BYTES long is acknowledged once it has been carried out, started or passed on:
an int, the bytes of all such messages so far, goes to the requester's handle AGENT.
A module, or a command's process, that wants to be a context (door.py) becomes one: (LINK, reply handle of its request,
id of the new context) goes to the requester's handle AGENT, before anything that it sends.
A request may be packed (packing.py): then the message is bytes.
"""

import struct

COMMAND = 'command'
MODULE = 'module'
FETCH = 'fetch'
EXPAND = 'expand'
CHILD = 'child'
CHILD_INPUT = 'child input'
ENSURE = 'ensure'
FLUSH = 'flush'
DISMISS = 'dismiss'
MKDTEMP = 'mkdtemp'
PUT = 'put'
PUT_HELD = 'put held'
PUT_KEPT = 'put kept'
CHMOD = 'chmod'
REMOVE = 'remove'
MEMBERS = 'members'
FORGET = 'forget'
CONTENT = 'content'
DROP = 'drop'
PASS = 'pass'
GRANT = 'grant'
RELAY = 'relay'
ANYWAY = 'anyway'
END = 'end'
TIMED = 'timed'
ALIVE = 'alive'
WIPE = 'wipe'
LINK = 'link'

#: Prefix of the reason with which a stale context refuses.
STALE = 'stale: '

PART = 'part'
DONE = 'done'
UNFIT = 'unfit'

CHILD_OUTPUT = 'child output'
CHILD_READY = 'child ready'
CHILD_FAILED = 'child failed'

#: What an agent gives one below it of what it holds (PASS). Its contents are named by their digests, and are checked.
PASSED = (MEMBERS, CONTENT)

PUT_FIRST = 1
PUT_LAST = 2
#: Drop what was sent of it.
PUT_ABANDON = 4

#: Size of a file when it was opened.
SIZE = struct.Struct('>Q')

#: Files up to this size are held in memory, and sent in one message.
HELD_BYTES = 1024 * 1024
#: Smaller messages are not acknowledged.
ACK_BYTES = 4 * 1024
