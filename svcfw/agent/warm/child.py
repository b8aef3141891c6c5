"""Makes a forked process look newly started: descriptors, standard streams, signals, hooks."""

import atexit
import io
import os
import signal
import sys

_STREAMS = ('stdin', 'stdout', 'stderr')
# Signals that an interpreter ignores from its start, and that an agent may ignore without meaning its modules to.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
_NOT_INHERITED = (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD, signal.SIGALRM)


class StartState(object):
    """State of the interpreter at its start, as far as the agent can still tell.

    Encoding and error handler of a standard stream depend on the locale at start (the C locale gives
    'surrogateescape', without which a module dies of an undecodable file name), so they are copied, not chosen.
    """

    def __init__(self, is_fork=True):
        #: The words that started this process, without our arguments; None if it was started for another purpose.
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
    """In the template: close what connects it to the agent it was forked from; `keep` is its socket's descriptor."""
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


def become_leader(start):
    """In a fork of the template: a new session, and the signals of a new interpreter.

    The old stream objects stay referenced: freed, they would write what they still hold into a job's output.
    """
    os.setsid()
    start.replaced = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def take_output(stdout_fd, stderr_fd, start):
    """Make these the output of this process; new streams are on them, and stdin is at its end."""
    os.dup2(stdout_fd, 1)
    os.dup2(stderr_fd, 2)
    open_streams(start)


def open_streams(start, errors=None):
    """Recreate sys.stdin, stdout and stderr; `errors` replaces the error handler of the first two."""
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
    """Close every descriptor except `keep` (-1 for none) and the standard streams."""
    try:
        fds = [int(name) for name in os.listdir('/proc/self/fd')]
    except OSError:
        # Without /proc: used numbers are low ones, while the limit can be a million.
        fds = list(range(min(os.sysconf('SC_OPEN_MAX'), 4096)))
    for fd in fds:
        if fd > 2 and fd != keep:
            try:
                os.close(fd)
            except OSError:
                pass


def _fresh_signals():
    """Restore the signal handlers of a new interpreter.

    Ignored signals stay ignored (nohup), except those for which the agent's choice must not be a module's.
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
            continue  # SIGKILL, SIGSTOP, and signals reserved by the C library
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _fresh_hooks():
    """Remove the agent's hooks from the interpreter: importers, exit functions, log handlers."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _is_of_svcfw(finder)]
    for name in [name for name in sys.modules if name.partition('.')[0] == 'svcfw']:
        del sys.modules[name]  # no module of a payload can import it; running code keeps what it uses
    sys.excepthook, sys.displayhook = sys.__excepthook__, sys.__displayhook__
    clear_exit_functions()
    logging = sys.modules.get('logging')
    if logging is not None:
        del logging.root.handlers[:]
        logging.root.setLevel(logging.WARNING)
        logging.disable(logging.NOTSET)


def _is_of_svcfw(finder):
    # Also what the bootstrap defined as __main__. A new interpreter has no finder there.
    cls = finder if isinstance(finder, type) else type(finder)
    return cls.__module__.partition('.')[0] in ('svcfw', '__main__')


def clear_exit_functions():
    """Clear exit functions, which are the agent's; three modules rely on having registered theirs once."""
    atexit._clear()
    logging = sys.modules.get('logging')
    if logging is not None:
        atexit.register(logging.shutdown)
    util = sys.modules.get('multiprocessing.util')
    if util is not None:
        atexit.register(util._exit_function)
    weakref = sys.modules.get('weakref')
    if weakref is not None:
        weakref.finalize._registry.clear()
        weakref.finalize._registered_with_atexit = False
