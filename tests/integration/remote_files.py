"""What the tests of files have other contexts do. Python 3.6, standard library: it runs there."""

import io
import os

from svcfw.core.context import Sender
from svcfw.core.dispatch import takes_router
from svcfw.core.latch import Latch
from svcfw.core.wire.errors import Error
from svcfw.files import manifest
from svcfw.files.messages.tree_source import FilesSource, name_of
from svcfw.files.relay import holding, spools
from svcfw.files.service import FileService
from svcfw.service.exposed import expose
from svcfw.service.policy import AllowParents
from svcfw.service.pool import Pool
from svcfw.service.service import Service


def get(context, path):
    """(content, metadata) of a file of another context."""
    file = io.BytesIO()
    meta = FileService.get(context, path, file)
    return file.getvalue(), meta


def outcome(context, path):
    """How such a call fails (str)."""
    try:
        get(context, path)
    except Error as e:
        return f'{type(e).__name__}: {e}'
    return 'no error'


def fetch(context, path, to):
    FileService.fetch(context, path, to)


def process_id():
    return os.getpid()


def descriptors():
    """What is open here (sorted list of str), pipes and sockets by their kind."""
    found = []
    for fd in os.listdir('/proc/self/fd'):
        try:
            found.append(os.readlink('/proc/self/fd/' + fd).split(':')[0])
        except OSError:
            pass
    return sorted(found)


def become(uid):
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def peak_memory():
    """KiB of resident memory at the most, since the last `reset_peak`."""
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))


def reset_peak():
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')


def bytes_written():
    """What this process has written to anywhere."""
    with open('/proc/self/io') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('wchar'))


@takes_router
def held(digest, router):
    """Whether a content is kept here."""
    return router.transfers.store.holds(digest)


def begin_many(context, path, count):
    """Begin so many fetches, take nothing of what is sent; the errors."""
    router = context.router
    replies = []
    for _ in range(count):
        into = Sender(router.myself(), router.add_handler(lambda message: None))
        arguments = {'path': path, 'into': into, 'token': None, 'offset': 0}
        replies.append(context.call_service_async(FileService.name(), 'begin_fetch', **arguments))
    errors = []
    for reply in replies:
        try:
            reply.get()
        except Error as e:
            errors.append(str(e))
    return errors


@takes_router
def fetch_and_lie(context, path, digest, router):
    """Fetch a file, and answer its end with a digest that it has not."""
    answered = Latch(router.loop)

    def take(message):
        if message.wants_reply():
            message.reply(digest)
            answered.put()

    into = Sender(router.myself(), router.add_handler(take))
    arguments = {'path': path, 'into': into, 'token': None, 'offset': 0}
    context.call_service(FileService.name(), 'begin_fetch', **arguments)
    answered.get(60)


def tree_outcome(context, path, to, follow):
    """How getting a folder fails (str)."""
    try:
        FileService.get_tree(context, path, to, follow=follow)
    except Error as e:
        return f'{type(e).__name__}: {e}'
    return 'no error'


def files_outcome(context, paths, to):
    """What getting several files gives (list), or how it fails (str)."""
    try:
        return FileService.fetch_files(context, paths, to)
    except Error as e:
        return f'{type(e).__name__}: {e}'


def send_links():
    """Host a FileService here that sends a symlink in the place of each file."""

    def entries(self):
        yield manifest.Entry('', manifest.DIRECTORY, 0, 0o700, 0, 0)
        for number in range(len(self._paths)):
            yield manifest.Entry(name_of(number), manifest.SYMLINK, 0, 0o777, 0, 0, target='/etc/hostname')

    FilesSource.entries = entries


@takes_router
def lie(answers, router):
    """Host something here that calls itself a FileService and answers each method with what is given for it."""

    class Liar(Service):
        @classmethod
        def name(cls):
            return FileService.name()

    for method in ('look', 'begin_fetch', 'begin_put', 'begin_put_tree', 'begin_hold', 'relay', 'relay_tree'):

        def answer(self, method=method, **arguments):
            return answers.get(method)

        setattr(Liar, method, expose(policy=AllowParents())(answer))
    Pool(router, [Liar(router)])


@takes_router
def ask_to_relay_tree(context, arguments, router):
    """How such a request fails (str)."""
    tell = Sender(router.myself(), router.add_handler(lambda message: None))
    try:
        return context.call_service(FileService.name(), 'relay_tree', tell=tell, **arguments)
    except Error as e:
        return str(e)


def limit_held_bytes(size):
    """From now on what is larger does not pass through this context's memory."""
    holding.MAX_HELD_BYTES = size


def spools_of(router):
    return router.services.get_service(FileService.name())._held._spools


@takes_router
def forget_held(router):
    """Forget the contents that have passed through this context."""
    spools = spools_of(router)
    with spools._lock:
        for spool in list(spools._spools.values()):
            spools._drop(spool)


@takes_router
def passing(router):
    """(how many contents pass through this context, or have, and are kept; how many read them; how many still come)"""
    every = list(spools_of(router)._spools.values())
    return len(every), sum(spool.readers for spool in every), sum(spool.is_filling for spool in every)


def keep_spools_in(folder, free_part):
    """Where this context keeps what passes through it, and what of a disk that may take."""
    spools.folders = lambda: [folder]
    spools.FREE_PART = free_part
