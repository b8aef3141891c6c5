"""The errors of svcfw, one tree, named by cause."""

#: Values of `StartError.kind`.
START_KINDS = (
    'auth', 'hostkey', 'refused', 'timeout', 'nopython', 'become', 'died', 'option', 'config', 'busy', 'interpreter',
)  # fmt: skip


class Error(Exception):
    """Base of all errors of svcfw."""


class ProtocolError(Error):
    """The peer broke the protocol: its link is unusable."""


class FrameError(ProtocolError):
    """Malformed frame, or a frame beyond the limits."""


class DecodeError(ProtocolError):
    """Malformed payload, or a value of an unexpected form."""


class LinkError(ProtocolError):
    """A frame or event that the present state of the link does not allow."""


class RouteError(ProtocolError):
    """A claim to a context id without permission."""


class WindowError(ProtocolError):
    """More data than was granted, or more credit than is allowed."""


class EncodeError(Error):
    """A value of an unsupported type or size; the message names its type and its place in the value."""


class ChannelError(Error):
    """The other end is gone or refuses; no answer will come."""


class TimeoutError(Error):
    """An answer or event did not arrive in time."""


class CallError(Error):
    """A function called in another context raised. Can be sent as a value.

    typename: 'module.Class' of the exception; message: its str(); traceback: its text there, or ''.
    """

    def __init__(self, typename, message, traceback=''):
        # Plain str of whatever it was, so that a failure can always be sent.
        self.typename, self.message, self.traceback = texts = str(typename), str(message), str(traceback)
        Error.__init__(self, *texts)

    def __str__(self):
        text = '%s: %s' % (self.typename, self.message)
        return '%s\n%s' % (text, self.traceback) if self.traceback else text


class StartError(Error):
    """A context could not be started.

    kind: one of START_KINDS; host: the user's name of the place; cause: a clause without a full stop; remedy: a
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
