"""Client-side calls for FileService: request, send and receive, on the calling thread."""

from svcfw.core.context import Sender
from svcfw.core.latch import Latch
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.files.receiving import Receiving
from svcfw.files.sending import Sending
from svcfw.files.transfers import Transfers
from svcfw.service.errors import TransferError

#: By name, not imported: the service's module imports this one.
SERVICE = 'svcfw.files.service.FileService'
_LOST = '%s.%s' % (ChannelError.__module__, ChannelError.__name__)
_METADATA = {'size': int, 'mode': int, 'owner': str, 'group': str, 'mtime_ns': int, 'atime_ns': int}


def call(context, about, method, **arguments):
    """Call the FileService of `context`; `about`: the file (str) that errors name."""
    try:
        return context.call_service(SERVICE, method, **arguments)
    except CallError as e:
        raise explained(context, about, e) from e


def send(context, parts, into, about, on_progress):
    """Run a Sending on the calling thread; returns the receiver's answer. `about`: the file (str) that errors name."""
    router = context.router
    thread = CallingThread(router.loop)

    def schedule():
        thread.schedule(sending.pump)

    sending = Sending(parts, into, Transfers.of(router).flow(context), schedule, thread.over, on_progress)
    sending.wake()
    try:
        return _wait(thread, context, about)
    finally:
        sending.abort(TransferError('the transfer was interrupted'))


def receive(context, place, begin, about, on_progress):
    """Run a Receiving on the calling thread: `begin(Sender)` starts the remote sender. Returns as `place.end`."""
    router = context.router
    thread = CallingThread(router.loop)

    def schedule():
        thread.schedule(receiving.pump)

    receiving = Receiving(router, context, place, schedule, thread.over, on_progress)
    try:
        begin(Sender(router.myself(), receiving.handle))
        return _wait(thread, context, about)
    finally:
        receiving.abort(TransferError('the transfer was interrupted'))


def wait_for(reply, function):
    """Call `function(reply)` once the answer is there: on the loop, or now if it is there already."""
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
    """The error to raise for a CallError of a relaying context: ChannelError if the target was lost, else explained."""
    explanation = explained(context, about, error)
    return ChannelError(error.message) if error.typename == _LOST else explanation


def _wait(thread, context, about):
    try:
        return thread.wait()
    except (CallError, TransferError) as e:
        raise explained(context, about, e) from e


class CallingThread(object):
    """Runs a transfer's work on the thread that waits for its end."""

    def __init__(self, loop):
        self._latch = Latch(loop)
        self._outcome = None

    def schedule(self, function):
        """Queue `function` for `wait`. Any thread."""
        try:
            self._latch.put(function)
        except ChannelError:
            pass  # the transfer has ended

    def over(self, error, value):
        """The transfer's `on_over`."""
        self._outcome = (error, value)

    def wait(self):
        """Work until the transfer ends; returns its value or raises its error."""
        while self._outcome is None:
            self._latch.get()()
        self._latch.close()
        error, value = self._outcome
        if error is not None:
            raise error
        return value


def checked(context, about, answer, size):
    """The answer to `begin_put` or `begin_hold`, validated. It must not direct the data to another context."""
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
        raise malformed(context, about)
    return answer


def leads_to(context, sender):
    """Whether `sender` is a Sender to that context."""
    return type(sender) is Sender and sender.context == context


def is_metadata(value):
    """Whether `value` has the form of svcfw.files.disk.reader.metadata."""
    return type(value) is dict and all(type(value.get(name)) is kind for name, kind in _METADATA.items())


def malformed(context, about):
    """The TransferError for a malformed answer."""
    return TransferError('%s: %s: malformed answer of a FileService' % (context, about))


def explained(context, path, error):
    """The exception to raise for an error of a file of another context: its text names both."""
    if isinstance(error, CallError):
        return TransferError('%s: %s: %s' % (context, path, error.message))
    if isinstance(error, TransferError):
        return TransferError('%s: %s: %s' % (context, path, error))
    return error
