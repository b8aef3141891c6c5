"""The operations of the agent: what the multiplexer asks for, and what it is told.

A request is (operation, session, arguments): `session` is an int that stands for one client of the multiplexer.
Requests of one session are carried out, or started, in the order in which they arrive.

Answered ones (the answer of those with output is any number of (PART, stdout, stderr) and one (DONE, number, stdout,
stderr); a part costs as many bytes of the request's credit, which begins with limits.WINDOW_BYTES):
    COMMAND   (executable or None for the login shell, text, stdin bytes, tty)  number: exit status
    MODULE    (job dict as for Template.run)                                    number: exit status
    FETCH     (path)                                                            number: permission bits
    EXPAND    (text beginning with ~)     the expanded text
    CHILD     (name, argv, tty, marker, time-out)   messages (CHILD_OUTPUT, bytes), then (CHILD_READY, id, facts) or
                                                    (CHILD_FAILED, kind, host, cause, remedy). The argv starts a first
                                                    stage; with a marker the second follows once the command shows it
    INTERPRETER (words of a shebang)      (is it ours, path of the program or None)
    FLUSH     ()                          None: all that was asked for before is done
Not answered; a failure of one is told as (session, operation, path, status, cause) to the handle AGENT of who asked,
and until the next answered request of that session, which is refused, all others of it are dropped:
    MKDTEMP   (path, umask or None)
    PUT       (path, permission bits, data, flags: PUT_FIRST | PUT_LAST)
    CHMOD     (paths)                     u+rwx
    REMOVE    (path, recursive)           its failures are logged only
Not answered, carried out whatever failed before:
    MEMBERS   (list of (digest, content)) for MODULE requests to come; the job names the digest of its manifest, the
                                          encoded list of (name, digest) of its members
    FORGET    ()                          drop all members
    GRANT     (request's reply handle, bytes)
    CHILD_INPUT (request's reply handle, bytes to type)
    END       ()                          the client is gone: end what runs for it
RELAY (context id, request) has a request carried out by the agent of a child, unless something failed here before it.
"""

COMMAND = 'command'
MODULE = 'module'
FETCH = 'fetch'
EXPAND = 'expand'
CHILD = 'child'
CHILD_INPUT = 'child input'
INTERPRETER = 'interpreter'
FLUSH = 'flush'
MKDTEMP = 'mkdtemp'
PUT = 'put'
CHMOD = 'chmod'
REMOVE = 'remove'
MEMBERS = 'members'
FORGET = 'forget'
GRANT = 'grant'
RELAY = 'relay'
END = 'end'

PART = 'part'
DONE = 'done'

CHILD_OUTPUT = 'child output'
CHILD_READY = 'child ready'
CHILD_FAILED = 'child failed'

PUT_FIRST = 1
PUT_LAST = 2
