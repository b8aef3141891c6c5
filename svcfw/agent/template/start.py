"""Two ways to start a template process: fork the agent, or start an interpreter and send it the same code.

A fork costs next to nothing, but it is the interpreter with which the agent was started. A job that needs another one
needs a new process (some 80 ms); so does a job whose path leads to a changed one.
"""

import gc
import os
import signal
import sys

from svcfw.agent.warm import locales, server

# Has to parse on Python 2, which exits here. os.read takes exactly the bytes of the code: messages follow it.
_FIRST = (
    'import os,sys;'
    'sys.path=[p for p in sys.path if p];'
    '(sys.version_info<(3,6) or sys.implementation.name!="cpython") and sys.exit(9);'
    'b=b"";'
    'exec("while len(b)<{size}:b+=os.read(0,{size}-len(b))or sys.exit(9)");'
    'exec(b)'
)

# `modules` precedes it: [(name, file name, source, is it a package)], in the order of their imports.
_SECOND = """
class _Loader(object):
    def __init__(self, source):
        self._source = source

    def get_source(self, name):
        return self._source


for _name, _filename, _source, _is_package in modules:
    _module = type(sys)(_name)
    _parent, _, _stem = _name.rpartition('.')
    _module.__file__, _module.__loader__ = _filename, _Loader(_source)
    _module.__package__ = _name if _is_package else _parent
    if _is_package:
        _module.__path__ = []
    sys.modules[_name] = _module
    exec(compile(_source, _filename, 'exec', dont_inherit=True), _module.__dict__)
    if _parent:
        setattr(sys.modules[_parent], _stem, _module)
del modules
try:
    sys.modules['svcfw.agent.warm.server'].serve(os.dup(0), has_to_announce=True)
finally:
    os._exit(1)
"""

_NOT_STARTED = 127


def fork(theirs):
    """Fork this process into a template on the socket `theirs`; returns its pid in the agent, and never in the fork."""
    # Collect garbage now: later, an old socket object would close a number that is used for another.
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    pid = os.fork()
    if pid:
        return pid
    try:
        server.serve(theirs.detach())
    finally:
        os._exit(1)


def start(theirs, path, name):
    """Start the program `path` under the name `name` as a template on `theirs`.

    Returns (its pid, bytes to send it first). It sends pipe.READY, or exits.
    """
    code = _code()
    words = [name, '-c', _FIRST.format(size=len(code))]
    environment = locales.environment_before() or os.environ
    pid = os.fork()
    if pid:
        return pid, code
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd, source in ((0, theirs.fileno()), (1, null), (2, null)):
            os.dup2(source, fd)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python, and over an exec
            signal.signal(number, signal.SIG_DFL)
        os.execve(path, words, environment)
    finally:
        os._exit(_NOT_STARTED)


def _code():
    modules = [_described(sys.modules[name]) for name in _needed(server)]
    return ('modules = %s\n%s' % (ascii(modules), _SECOND)).encode('ascii')


def _described(module):
    name = module.__name__
    source = module.__spec__.loader.get_source(name)
    return name, module.__file__, source, hasattr(module, '__path__')


def _needed(module):
    """The names of a module and of all svcfw modules it imports, in the order of their imports."""
    names = {}

    def visit(name):
        parent = name.rpartition('.')[0]
        if name in names or name.partition('.')[0] != 'svcfw':
            return
        if parent:
            visit(parent)
        names[name] = None
        if not hasattr(sys.modules[name], '__path__'):  # packages import nothing
            for value in list(vars(sys.modules[name]).values()):
                visit(_module_of(value))
            names[name] = names.pop(name)

    visit(module.__name__)
    return list(names)


def _module_of(value):
    if isinstance(value, type(sys)):
        return value.__name__
    found = getattr(value, '__module__', '')
    return found if isinstance(found, str) else ''
