"""The errors of svcfw, one tree, named by cause."""

#: Values of `StartError.kind`.
START_KINDS = (
    'auth', 'hostkey', 'refused', 'timeout', 'nopython', 'become', 'died', 'option', 'config', 'busy', 'interpreter',
)  # fmt: skip


class Error(Exception):
    """Base of all of them."""


class ProtocolError(Error):
    """The peer broke the protocol: its link is of no further use."""


class FrameError(ProtocolError):
    """Bytes that are no frame, or a frame beyond the limits."""


class DecodeError(ProtocolError):
    """A payload that is no value, or not one of the form that was asked for."""


class LinkError(ProtocolError):
    """Something that does not belong in the present state of the link."""


class RouteError(ProtocolError):
    """A claim to a context id that the claimant has no right to."""


class WindowError(ProtocolError):
    """More data than was granted, or more credit than can be."""


class EncodeError(Error):
    """A value that cannot travel; the message names its type and where in the value it stands. The caller's fault."""


class ChannelError(Error):
    """The other end is gone, or refuses; nothing more will come of it."""


class TimeoutError(Error):
    """What was waited for did not come in time."""


class CallError(Error):
    """A function called in another context raised. A value that travels.

    typename: 'module.Class' of what was raised; message: its str(); traceback: the text of it there, or ''.
    """

    def __init__(self, typename, message, traceback=''):
        # Plain text whatever it was, so that the news of a failure can always travel.
        self.typename, self.message, self.traceback = texts = str(typename), str(message), str(traceback)
        Error.__init__(self, *texts)

    def __str__(self):
        text = '%s: %s' % (self.typename, self.message)
        return '%s\n%s' % (text, self.traceback) if self.traceback else text


class StartError(Error):
    """A context could not be started.

    kind: one of START_KINDS; host: what the user calls the place; cause: a clause without a full stop; remedy: a
    sentence that says what to do, or ''. status: int, the exit status of the command (a become plugin's) that was to
    start it and refused, or None.
    """

    def __init__(self, kind, host, cause, remedy='', status=None):
        Error.__init__(self, kind, host, cause, remedy, status)
        self.kind = kind
        self.host = host
        self.cause = cause
        self.remedy = remedy
        self.status = status

    def __str__(self):
        text = '%s: %s' % (self.host, self.cause)
        return '%s. %s' % (text, self.remedy) if self.remedy else text
