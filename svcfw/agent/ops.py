"""The operations of the agent: requests of the multiplexer and their answers.

A request is (operation, session, arguments): `session` is an int that stands for one client of the multiplexer.
Requests of one session are carried out, or started, in the order in which they arrive.

Answered ones (the answer of those with output is any number of (PART, stdout, stderr) and one (DONE, number, stdout,
stderr), of a module with two more: which run of its process it was, and why that was a new one (see kinds.KINDS); a
part costs as many bytes of the request's credit, which begins with limits.WINDOW_BYTES):
    COMMAND   (executable or None for the login shell, text, stdin bytes, terminal[, True])  number: exit status, or
              minus the signal that ended it. terminal: None for pipes, else the TERM of the terminal that it gets.
              True: its processes may become contexts (gate.py)
    MODULE    (job dict as for Template.run)                                    number: exit status; or (UNFIT, cause):
                                                                                    it did not run, since its
                                                                                    interpreter cannot be kept warm
    FETCH     (path)                 number: permission bits; stderr: SIZE in the first part, SHA-256 at the end
    EXPAND    (text beginning with ~)     the expanded text
    CHILD     (name, argv, tty, marker, time-out)   messages (CHILD_OUTPUT, bytes), then (CHILD_READY, id, facts) or
                                                    (CHILD_FAILED, kind, host, cause, remedy, status or None): of a
                                                                                                        StartError. The
                                                                                                        argv starts a
                                                                                                        first stage;
                                                                                                        with a marker
                                                                                                        the second
                                                    follows once the command shows it
    FLUSH     ()                          None: all earlier requests are done
    DISMISS   (context id)                None: that child has ended, after all earlier requests for it
    PUT_KEPT  (path, permission bits, digest)   whether it was done: the content is taken from a large file that was
                                          put here before, if that can still be had
Not answered; a failure is sent as (session, operation, path, status, cause) to the requester's handle AGENT, and all
further requests of that session are dropped until its next answered one, which is refused:
    MKDTEMP   (path, umask or None)
    PUT       (path, permission bits, data, flags, digest of all data with PUT_LAST)
    PUT_HELD  (path, permission bits, digest)   with the content given by CONTENT before
    CHMOD     (paths)                     u+rwx
    REMOVE    (path, recursive)           its failures are only logged
Not answered, performed whatever failed before:
    MEMBERS   (list of (digest, size), zlib of the contents one after the other) for later MODULE requests; the
                                          job has the digest of its member list, the encoded list of (name, digest)
                                          of its members
    FORGET    ()                          drop all members
    CONTENT   (digest, data, is it the last part)   a file's content for later PUT_HELD requests
    DROP      (list of digests)           drop these contents
    PASS      (context id, MEMBERS or CONTENT, list of digests)   give a child what this agent holds
    GRANT     (request's reply handle, bytes)
    CHILD_INPUT (request's reply handle, bytes to type)
    ENSURE    (path, umask)           make this folder if it is not there and can be made
    ANYWAY    ()                          carry out what this session asks for though the context is stale
    END       ()                          the client is gone: end what runs for it
    TIMED     ()                          in DONE messages of this session, tell as one more number how many
                                          microseconds passed since the request
A context that is not what a new one would be is *stale* (standing.py). It refuses what is answered, FLUSH aside, before
anything is done, with a reason that begins with STALE: what came before it in that session is done.
A request whose message is at least ACK_BYTES long is acknowledged once it has been carried out, started or passed on:
an int, the bytes of all such messages so far, goes to the handle AGENT of who asked.
A module, or a command's process, that wants to be a context (door.py) becomes one: (LINK, reply handle of its request,
id of the new context) goes to the handle AGENT of who asked, before anything that it sends.
A request may be packed (packing.py): then the message is bytes.
RELAY (context id, request) has a request carried out by the agent of a child, unless something failed here before it.
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
LINK = 'link'

#: Prefix of the reason with which a stale context refuses.
STALE = 'stale: '

PART = 'part'
DONE = 'done'
UNFIT = 'unfit'

CHILD_OUTPUT = 'child output'
CHILD_READY = 'child ready'
CHILD_FAILED = 'child failed'

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
