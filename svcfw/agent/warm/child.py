"""A forked process made to look like one that has just been started: descriptors, standard streams, signals, hooks."""

import atexit
import io
import os
import signal
import sys

_STREAMS = ('stdin', 'stdout', 'stderr')
# What an interpreter ignores from its start, and what an agent may ignore without meaning its modules to.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
_NOT_INHERITED = (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD, signal.SIGALRM)


class StartState(object):
    """What the interpreter was like when it started, as far as it can still be told in the agent.

    Encoding and error handler of a standard stream depend on the locale at start (the C locale gives
    'surrogateescape', without which a module dies of an undecodable file name), so they are copied, not chosen.
    """

    def __init__(self, is_fork=True):
        #: The words that this process was started with, before ours; None for one that was started for something else.
        self.words = None if is_fork else _words_before_code()
        self.path = [path for path in sys.path if path]
        self.streams = {name: _stream_settings(getattr(sys, '__%s__' % name), name) for name in _STREAMS}


def _words_before_code():
    words = list(getattr(sys, 'orig_argv', ()))  # since 3.10
    return words[: words.index('-c')] if '-c' in words else words


def _stream_settings(stream, name):
    """Keyword arguments for TextIOWrapper, as the interpreter chose them."""
    errors = 'backslashreplace' if name == 'stderr' else 'strict'
    return {
        'encoding': getattr(stream, 'encoding', None) or sys.getfilesystemencoding(),
        'errors': getattr(stream, 'errors', None) or errors,
        'line_buffering': name == 'stderr' and sys.version_info >= (3, 9),
        'newline': '\n',
    }


def leave_agent(keep):
    """In the template: cut what ties it to the agent it was forked from; `keep` is the descriptor of its socket."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    close_all_but(keep)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)
    _fresh_signals()
    _fresh_hooks()


def take_stdio(stdout_fd, stderr_fd, start):
    """In a job's child: a session of its own, stdin at its end, the job's output, and streams on them.

    The old stream objects stay referenced: freed, they would write what they still hold into the job's output.
    """
    os.setsid()
    os.dup2(stdout_fd, 1)
    os.dup2(stderr_fd, 2)
    start.replaced = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    open_streams(start)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def open_streams(start, errors=None):
    """Make sys.stdin, stdout and stderr anew; `errors` replaces the error handler of the first two."""
    for fd, name in enumerate(_STREAMS):
        settings = dict(start.streams[name])
        if errors and name != 'stderr':
            settings['errors'] = errors
        stream = _open_stream(fd, name, settings)
        setattr(sys, name, stream)
        setattr(sys, '__%s__' % name, stream)


def _open_stream(fd, name, settings):
    mode = 'r' if fd == 0 else 'w'
    raw = io.FileIO(fd, mode, closefd=False)
    raw.name = '<%s>' % name
    buffer = io.BufferedReader(raw) if fd == 0 else io.BufferedWriter(raw)
    stream = io.TextIOWrapper(buffer, **settings)
    setattr(stream, 'mode', mode)  # noqa: B010 - as the interpreter does it; for type checkers it is read-only
    return stream


def close_all_but(keep):
    """Close every descriptor but `keep` (-1 for none) and those of the standard streams."""
    try:
        fds = [int(name) for name in os.listdir('/proc/self/fd')]
    except OSError:
        # No /proc: the numbers in use are low ones, while the limit can be a million.
        fds = list(range(min(os.sysconf('SC_OPEN_MAX'), 4096)))
    for fd in fds:
        if fd > 2 and fd != keep:
            try:
                os.close(fd)
            except OSError:
                pass


def _fresh_signals():
    """What a new interpreter has: the agent's handlers gone, its own few settings in place.

    A signal that is ignored stays so (nohup), save those for which an agent's choice must not be a module's.
    """
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        wanted = present = signal.getsignal(number)
        if number in _IGNORED:
            wanted = signal.SIG_IGN
        elif number == signal.SIGINT:
            wanted = signal.default_int_handler
        elif number in _NOT_INHERITED or callable(present):
            wanted = signal.SIG_DFL
        if present is None or wanted == present:
            continue
        try:
            signal.signal(number, wanted)
        except (OSError, ValueError):
            continue  # SIGKILL, SIGSTOP, and numbers that the C library keeps for itself
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _fresh_hooks():
    """Take the agent's hooks out of the interpreter: importers, exit functions, log handlers."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _is_of_svcfw(finder)]
    for name in [name for name in sys.modules if name.partition('.')[0] == 'svcfw']:
        del sys.modules[name]  # no module of a payload can import it; what runs here keeps what it uses
    sys.excepthook, sys.displayhook = sys.__excepthook__, sys.__displayhook__
    _clear_exit_functions()
    logging = sys.modules.get('logging')
    if logging is not None:
        del logging.root.handlers[:]
        logging.root.setLevel(logging.WARNING)
        logging.disable(logging.NOTSET)


def _is_of_svcfw(finder):
    # Also what the bootstrap defined: it runs as __main__. A new interpreter has no finder from there.
    cls = finder if isinstance(finder, type) else type(finder)
    return cls.__module__.partition('.')[0] in ('svcfw', '__main__')


def _clear_exit_functions():
    """Exit functions registered so far are the agent's; two modules rely on having registered theirs once."""
    atexit._clear()
    logging = sys.modules.get('logging')
    if logging is not None:
        atexit.register(logging.shutdown)
    weakref = sys.modules.get('weakref')
    if weakref is not None:
        weakref.finalize._registry.clear()
        weakref.finalize._registered_with_atexit = False
