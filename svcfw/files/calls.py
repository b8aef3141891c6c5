"""What who asks for a transfer has to do with the FileService of another context, on the calling thread."""

from svcfw.core.context import Sender
from svcfw.core.latch import Latch
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.files.receiving import Receiving
from svcfw.files.sending import Sending
from svcfw.files.transfers import Transfers
from svcfw.service.errors import TransferError

#: Named, not imported: the service offers what is built on this as its own.
SERVICE = 'svcfw.files.service.FileService'
_LOST = '%s.%s' % (ChannelError.__module__, ChannelError.__name__)
_METADATA = {'size': int, 'mode': int, 'owner': str, 'group': str, 'mtime_ns': int, 'atime_ns': int}


def call(context, about, method, **arguments):
    """Call the FileService of `context`; `about`: the file (str) that errors are to name."""
    try:
        return context.call_service(SERVICE, method, **arguments)
    except CallError as e:
        raise explained(context, about, e) from e


def send(context, parts, into, about, on_progress):
    """Do a Sending on the calling thread; the receiver's answer. `about`: the file (str) that errors are to name."""
    router = context.router
    thread = CallingThread(router.loop)

    def schedule():
        thread.schedule(sending.pump)

    sending = Sending(parts, into, Transfers.of(router).flow(context), schedule, thread.over, on_progress)
    sending.wake()
    try:
        return _wait(thread, context, about)
    finally:
        sending.abort(TransferError('it was interrupted'))


def receive(context, place, begin, about, on_progress):
    """Do a Receiving on the calling thread: `begin(Sender)` has the other side send. What `place.end` returned."""
    router = context.router
    thread = CallingThread(router.loop)

    def schedule():
        thread.schedule(receiving.pump)

    receiving = Receiving(router, context, place, schedule, thread.over, on_progress)
    try:
        begin(Sender(router.myself(), receiving.handle))
        return _wait(thread, context, about)
    finally:
        receiving.abort(TransferError('it was interrupted'))


def wait_for(reply, function):
    """Have `function(reply)` called once there is an answer, on the loop or, where it is there already, now."""
    calls = [function]

    def once(reply):
        try:
            call = calls.pop()
        except IndexError:
            return  # both ways were open
        call(reply)

    reply.notify = once
    if not reply.empty() or reply.closed is not None:
        once(reply)


def lost_or(error, context, about):
    """What to raise for a CallError of a context that asked another one: the loss of that one, or what it says."""
    explanation = explained(context, about, error)
    return ChannelError(error.message) if error.typename == _LOST else explanation


def _wait(thread, context, about):
    try:
        return thread.wait()
    except (CallError, TransferError) as e:
        raise explained(context, about, e) from e


class CallingThread(object):
    """Does a transfer's work on the thread that waits for its end."""

    def __init__(self, loop):
        self._latch = Latch(loop)
        self._outcome = None

    def schedule(self, function):
        """Have `function()` called by `wait`. Any thread."""
        try:
            self._latch.put(function)
        except ChannelError:
            pass  # it is over

    def over(self, error, value):
        """The transfer's `on_over`."""
        self._outcome = (error, value)

    def wait(self):
        """Work until it is over; returns its value, or raises its error."""
        while self._outcome is None:
            self._latch.get()()
        self._latch.close()
        error, value = self._outcome
        if error is not None:
            raise error
        return value


def checked(context, about, answer, size):
    """The answer to `begin_put` or `begin_hold`, if it is one. It must not lead what is sent to somebody else."""
    if type(answer) is dict and answer.get('is_done') is True:
        return answer
    same_size = answer.get('same_size', []) if type(answer) is dict else None
    if (
        type(same_size) is not list
        or answer.get('is_done') is not False
        or not leads_to(context, answer.get('into'))
        or type(answer.get('offset')) is not int
        or not 0 <= answer['offset'] <= size
    ):
        raise nonsense(context, about)
    return answer


def leads_to(context, sender):
    """Whether it is a Sender to that context."""
    return type(sender) is Sender and sender.context == context


def is_metadata(value):
    """Whether it has the form of svcfw.files.disk.reader.metadata."""
    return type(value) is dict and all(type(value.get(name)) is kind for name, kind in _METADATA.items())


def nonsense(context, about):
    """The TransferError for an answer that is none."""
    return TransferError('%s: %s: the other side does not answer as a FileService does' % (context, about))


def explained(context, path, error):
    """The exception to raise for what became of a file of another context: what it says names both."""
    if isinstance(error, CallError):
        return TransferError('%s: %s: %s' % (context, path, error.message))
    if isinstance(error, TransferError):
        return TransferError('%s: %s: %s' % (context, path, error))
    return error
