"""Services of the controller for modules. See "Services for your playbooks" in the guide of svcfw.

    from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services

    with Services(module) as services:
        answer = services.call('licences.Licences', 'checkout', product='editor')
        services.fetch('/srv/artifacts/app.tar', '/opt/app.tar')

Nothing happens before the first of these: then the module's process becomes a context of svcfw, a child of the agent
that has started it, over a socket that the agent has given it, and with the code that the agent has in memory.
For Python 3.6 and later.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import atexit
import contextlib
import os
import socket
import struct
import sys
import threading
import zlib

#: What the agent waits for (svcfw.agent.door), and what it answers with (svcfw.agent.links).
_KNOCK, _KNOCK_PREPARED = b'svcfw 1\n', b'svcfw 2\n'
#: Where the text of svcfw.boot.loader goes over to the start of a context that has its process for itself.
_FROM_HERE_ON = b'del sys.argv'
_SIZE = struct.Struct('>I')
#: Where to what is for a service's context (svcfw.core.beside).
_BESIDE = 114
#: Where the number of the socket is: an attribute of `sys`, with what is prepared (svcfw.agent.prepared), or
#: for programs that an interpreter reads this variable. For processes of commands it says '@name pass' of a socket to
#: connect to (svcfw.agent.gate).
_ATTRIBUTE, _VARIABLE = 'svcfw_link', 'SVCFW_LINK'
_ADVICE = (
    'It needs `connection: svcfw.svcfw.svcfw`, a Python from 3.6 on, and, for async tasks and modules that travel as '
    'files, something in ansible_svcfw_services, ansible_svcfw_files or ansible_svcfw_uploads'
)
#: Of errors that have no text of their own.
_MEANINGS = {'MemoryError': "it needs more than the half of the controller's memory that a service may have"}
#: Paths in one request, and their bytes, some of each beside: the controller takes no longer ones
#: (svcfw.mux.server.services.desk).
_PATHS, _PATHS_BYTES, _PATH_BYTES = 500, 64 * 1024, 8
#: How long the end of a module waits for what it has sent to be taken.
_DRAIN_S = 5.0

_lock = threading.Lock()
_context = None


class Services(object):
    """What the controller serves to `module`, an AnsibleModule. A context manager.

    Errors of calls are those of svcfw: svcfw.CallError with what the service raised, its subclass RefusedError, svcfw.
    ChannelError where the service or the controller is gone, and TransferError for files. One that leaves the `with`
    block ends the module by fail_json. All Services of a process share one context.
    """

    def __init__(self, module):
        """Ends the module by fail_json where it does not run over svcfw."""
        self._module = module
        self._store = None
        if not self.available():
            module.fail_json(msg='Services of the controller cannot be had over this connection. %s.' % _ADVICE)

    @staticmethod
    def available():
        """Whether this module runs over svcfw, so that there are services to ask for (bool)."""
        return sys.version_info >= (3, 6) and (_context is not None or _descriptor() is not None or bool(_address()))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if _context is not None:
            _context.drain()
            if isinstance(error, _context.Error):
                self._module.fail_json(msg=_text(error))

    # -- services

    def call(self, service_name, method_name, timeout=None, **arguments):
        """Call an exposed method of a service and return its value.

        service_name: 'module.Class', as ansible_svcfw_services has it. After `timeout` seconds TimeoutError, and the
        service is told.
        """
        controller = self._controller()
        began = controller.router.loop.clock()
        try:
            reply = controller.request_service(service_name, method_name, arguments, timeout)
            return _load('svcfw.core.calls.caller').within(controller, method_name, reply, timeout, began)
        except _context.Error as e:
            e.about = '%s.%s' % (service_name, method_name)
            raise

    def call_async(self, service_name, method_name, **arguments):
        """Start such a call; returns a svcfw reply, whose `get(timeout)` gives the value and which can be cancelled."""
        return self._controller().call_service_async(service_name, method_name, **arguments)

    def receiver(self):
        """A svcfw.Receiver. Its `to_sender()` is to be sent to a service, whose messages then arrive here."""
        router = self._controller().router
        return _load('svcfw.core.receivers.channel').Receiver(router)

    def sender(self, service_name, method_name, **arguments):
        """Call a method that returns a svcfw.Sender, and return that: what is sent to it arrives at the service."""
        sender = self.call(service_name, method_name, **arguments)
        if not hasattr(sender, 'send'):
            raise TypeError('%s.%s returned %r, not a Sender' % (service_name, method_name, sender))
        return sender

    # -- files of the controller

    def fetch(self, path, to, preserves=False, is_durable=False, on_progress=None):
        """Copy the controller's file `path`, which ansible_svcfw_files has to name, to the file `to` of this host.

        Returns its metadata: size, mode, owner, group, mtime_ns, atime_ns. preserves: permissions and times of the
        original. A transfer that was cut off is gone on with. on_progress(bytes done, bytes in all).
        """
        controller = self._controller()
        with self._shared():
            return _files().fetch(controller, path, to, preserves, is_durable, on_progress)

    def fetch_files(self, paths, to):
        """Copy several files of the controller at once to new files in the folder `to`, which is made.

        Returns the new paths (list), in the order of `paths` (a list). For many small files: a large one is better
        fetched alone, as one that was cut off begins anew, and others do not get it from here.
        """
        controller = self._controller()
        os.mkdir(to, 0o700)
        found = []
        with self._shared():
            for number, group in enumerate(_groups(paths)):
                found += _files().fetch_files(controller, group, os.path.join(to, str(number)))
        return found

    def moved(self, to, place):
        """Tell that what was fetched to the temporary file `to` is at `place` now.

        Other modules of this account that fetch the same copy it from there. As long as it is in module.tmpdir they do
        not.
        """
        if self._store is not None:
            self._store.moved(to, place)

    def get(self, path, out_fp, on_progress=None):
        """The same to a binary file object."""
        controller = self._controller()
        with self._shared():
            return _files().get(controller, path, out_fp, on_progress)

    def put(self, path, to, **options):
        """Copy this host's file `path` to the file `to` of the controller, below what ansible_svcfw_uploads names.

        As svcfw.service.FileService.put, but that the owner is the controller's, and no bit to execute it is set. A
        transfer that was cut off is gone on with by the next for the same file.
        """
        controller = self._controller()
        return _files().put(controller, path, to, **options)

    @contextlib.contextmanager
    def _shared(self):
        """During a transfer to here: what modules of this account fetch, they have from each other."""
        router = self._controller().router
        if self._store is None:
            shared = _load('svcfw.files.store.shared')
            # None until the module has asked for one.
            self._store = shared.SharedStore(router.parent(), lambda: getattr(self._module, '_tmpdir', None))
            _load('svcfw.files.transfers').Transfers.of(router).store = self._store
        try:
            yield
        finally:
            self._store.give_up()

    def _controller(self):
        global _context
        with _lock:
            if _context is None:
                try:
                    fd = _descriptor()
                    _context = _Context(_connected(*_address()) if fd is None else fd)
                except OSError as e:
                    self._module.fail_json(msg='Services of the controller cannot be had: %s.' % e)
        return _context.controller()


def _descriptor():
    """The number of the socket to the agent; None where there is none."""
    fd = getattr(sys, _ATTRIBUTE, (None, None))[0]
    if fd is None and os.environ.get(_VARIABLE, '').isdigit():
        fd = int(os.environ[_VARIABLE])
    try:
        return fd if fd is None or os.fstat(fd) else None
    except OSError:
        return None


def _address():
    """(name, pass) of a socket to connect to; empty where there is none."""
    words = os.environ.get(_VARIABLE, '').split(' ')
    return words if len(words) == 2 and words[0][:1] == '@' else []


def _connected(name, shown):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect('\0' + name[1:])
        sock.sendall(shown.encode())
        return sock.detach()


class _Context(object):
    """This process as a context of svcfw."""

    def __init__(self, fd):
        self.Error = ConnectionError  # until there is another one
        self._pid = os.getpid()
        os.set_blocking(fd, True)
        os.set_inheritable(fd, False)
        prepared = getattr(sys, _ATTRIBUTE, (None, None))[1]
        os.write(fd, _KNOCK_PREPARED if prepared else _KNOCK)
        loader = prepared.install() if prepared else None  # while the agent answers
        (size,) = _SIZE.unpack(_read(fd, _SIZE.size))
        configured = _read(fd, size)
        if loader is None:
            loader, configured = _unpack(configured)
        config = eval(configured)
        link = __import__('svcfw.core.wire.link', fromlist=['Link']).Link()
        importer = __import__('svcfw.core.importer', fromlist=['Importer'])
        self._router = self._make_router(config)
        # For what is svcfw's own alone: what else is not here need not be asked for.
        sys.meta_path.insert(0, importer._Own(importer.Importer(self._router, loader)))
        self._stream = self._router.add_parent(link, fd, fd)
        self.Error = sys.modules['svcfw.core.wire.errors'].Error
        atexit.register(self.drain)

    def _make_router(self, config):
        frames = __import__('svcfw.core.wire.frames', fromlist=['Frame'])
        core = __import__('svcfw.core.router', fromlist=['Router'])
        errors = __import__('svcfw.core.wire.errors', fromlist=['EncodeError'])
        logs = __import__('svcfw.core.logs', fromlist=['forward'])

        class Router(core.Router):
            def send(self, frame):
                """A service's context is neither above nor below: the controller passes on what is for it."""
                if len(frame.payload) > config['max_bytes']:  # it would cost the link
                    sizes = len(frame.payload), config['max_bytes']
                    raise errors.EncodeError('what is sent takes %d bytes, and may take %d' % sizes)
                if frame.dst != self.own_id and frame.dst not in self.parent_ids:
                    value = self.codec.encode((frame.dst, frame.handle, frame.flags, frame.payload))
                    top = self.parent_ids[-1]
                    frame = frames.Frame(top, self.own_id, self.own_id, _BESIDE, 0, 0, value)
                core.Router.send(self, frame)

        def log(router, level, text):
            if level >= config['log_level']:
                logs.forward(router, level, 'svcfw', text)

        return Router(log, config['id'], config['parents'], config['name'])

    def controller(self):
        """The Context of the controller: the top of the tree."""
        return self._router.context(self._router.parent_ids[-1], 'the controller')

    def drain(self):
        """What was sent is taken, or nobody is there to take it."""
        if os.getpid() == self._pid:
            self._stream.drain(_DRAIN_S)


def _unpack(second_stage):
    """Make the core importable, as the first stage does for other contexts; its loader, and the configuration."""
    unpacker = zlib.decompressobj()
    parts = unpacker.decompress(second_stage).split(b'\0')
    names = {'b': second_stage, 'd': unpacker, 's': parts, '__name__': 'svcfw_link'}
    text = parts[0].partition(_FROM_HERE_ON)[0]
    exec(compile(text, '<svcfw>/loader.py', 'exec', dont_inherit=True), names)
    return sys.meta_path[0], unpacker.unused_data


def _read(fd, size):
    data = b''
    while len(data) < size:
        piece = os.read(fd, size - len(data))
        if not piece:
            raise ConnectionError('the agent of svcfw is gone')
        data += piece
    return data


def _groups(paths):
    """Paths in lists of bounded size: those of one request."""
    group, size = [], 0
    for path in paths:
        n = len(path.encode('utf-8', 'surrogatepass')) + _PATH_BYTES
        if group and (size + n > _PATHS_BYTES or len(group) == _PATHS):
            yield group
            group, size = [], 0
        group.append(path)
        size += n
    if group:
        yield group


def _files():
    return _load('svcfw.files.client')


def _load(name):
    """A module of svcfw's, which there are once this process is a context."""
    __import__(name)
    return sys.modules[name]


def _text(error):
    about = getattr(error, 'about', '')
    kind = getattr(error, 'typename', '')
    if kind and type(error).__name__ == 'CallError':
        kind = kind.rpartition('.')[2]
        text = '%s: %s' % (kind, error.message or _MEANINGS.get(kind, ''))
    else:
        text = getattr(error, 'reason', '') or str(error)
    return '%s: %s' % (about, text) if about and not text.startswith(about) else text
