"""Client-side functions: files to and from the FileService of another context.

Each runs on the calling thread, needs no pool, and blocks until the transfer has succeeded or failed. After a failure
the destination is unchanged. All raise TransferError, which names context, file and cause; OSError for a local file;
ChannelError when the other context is lost.
"""

import os
import stat

from svcfw.core import load
from svcfw.files.calls import call, leads_to, malformed, receive, send
from svcfw.files.disk.destination import Destination
from svcfw.files.disk.paths import decoded, room_for
from svcfw.files.disk.reader import Reader
from svcfw.files.get import Get
from svcfw.files.messages.tree_parts import TreeParts
from svcfw.files.messages.tree_source import FolderSource, name_of
from svcfw.files.put import Put
from svcfw.files.transfers import Transfers
from svcfw.files.tree_place import TreePlace


def put(context, path, to, mode=None, owner=None, group=None, preserves=False, is_durable=False, packs=False,
        on_progress=None):  # fmt: skip
    """Copy the local file `path` to the file `to` of `context`, a child or a descendant of this one.

    mode, owner, group: as in svcfw.files.disk.writer.Wanted. By default a new file gets the mode of the local one less
    the remote umask; an existing file keeps its mode.
    preserves: copy mode, owner, group and times of the local file.
    packs: compress on slow paths. on_progress(bytes done, bytes in total) is called during the transfer.
    """
    with Reader(path) as source:
        wanted = _wanted(source, mode, owner, group, preserves, is_durable)
        Put(context, source, decoded(to), wanted, packs, on_progress).run()


def get(context, path, out_fp, on_progress=None, max_bytes=None):
    """Copy the file `path` of `context`, which has granted it, to a binary file object; returns its metadata (dict).

    size, mode, owner, group, mtime_ns, atime_ns. What was written to `out_fp` when it fails is not taken back.
    max_bytes: a larger file is an error; None: to an io.BytesIO 256 MiB, to others any size.
    """
    return Get(context, decoded(path), on_progress, max_bytes).to_file_object(out_fp)


def fetch(context, path, to, preserves=False, is_durable=False, on_progress=None, max_bytes=None):
    """Copy the file `path` of `context` to the local file `to`; returns its metadata as `get` does.

    The next transfer of the same file resumes an interrupted one. preserves: permissions and times of the
    original, not its owner and set-id bits; else as for `put`. max_bytes: a larger file is an error; None: as much as
    the disk has room for, holes included.
    """
    return Get(context, decoded(path), on_progress, max_bytes).to_place(to, preserves, is_durable)


def put_tree(context, path, to, follow=False, preserves=True, owner=False, on_progress=None):
    """Copy the local folder `path` to the folder `to` of `context`; other files in `to` stay.

    Contents that the receiver already has are not sent. A new `to` appears complete, an existing one is changed file by
    file. follow: copy what symlinks point to. preserves: copy modes and times; owner: copy owners, if the receiver runs
    as root. on_progress(bytes done, bytes found so far). Returns {'files': regular files, 'written': files whose
    content was sent, 'skipped': names (at most 100) of devices, sockets and the like}.
    """
    path, to = decoded(path), decoded(to)
    neighbour = context.router.neighbour(context)
    if neighbour not in (None, context):
        options = {'preserves': preserves, 'owner': owner}
        through = load('svcfw.files.relay.tree_through')
        done = through.put_tree(context, neighbour, path, to, options, follow, on_progress)
        if done is not None:
            return done
    parts = TreeParts(FolderSource(path, follow), Transfers.of(context.router), context.id)
    try:
        answer = call(context, to, 'begin_put_tree', path=to, preserves=preserves, owner=owner)
    except BaseException:
        parts.close()
        raise
    if (
        type(answer) is not dict
        or type(answer.get('lacks_all')) is not bool
        or not leads_to(context, answer.get('into'))
    ):
        parts.close()
        raise malformed(context, to)
    parts.lacks_all = answer['lacks_all']
    return send(context, parts, answer['into'], to, lambda done: on_progress and on_progress(done, parts.total))


def get_tree(context, path, to, follow=False, preserves=True, on_progress=None, max_bytes=None):
    """The same from the folder `path` of `context` to the local folder `to`, without owners and set-id bits.

    max_bytes: of all files together, as for `fetch`.
    """
    path = decoded(path)
    arguments = {'path': path, 'follow': follow}
    return _receive_tree(context, 'begin_fetch_tree', arguments, path, to, preserves, on_progress, max_bytes)


def fetch_files(context, paths, to, on_progress=None, max_bytes=None):
    """Copy the files `paths` of `context`, which may lie anywhere, to files in the local folder `to`, all at once.

    Returns their paths there (list of str), in the order of `paths`. One request holds all of `paths`. A new `to`
    appears complete. on_progress, max_bytes: as for `get_tree`.
    """
    paths = [decoded(path) for path in paths]
    about = paths[0] if len(paths) == 1 else '%d files' % len(paths)
    _receive_tree(context, 'begin_fetch_files', {'paths': paths}, about, to, False, on_progress, max_bytes)
    found = [os.path.join(decoded(to), name_of(number)) for number in range(len(paths))]
    if not all(map(_is_regular, found)):  # a link could lead to any file of this host
        raise malformed(context, about)
    return found


def _receive_tree(context, method, arguments, about, to, preserves, on_progress, max_bytes):
    to = decoded(to)
    with Destination(to) as destination:
        most = room_for(to) if max_bytes is None else max_bytes
        place = TreePlace(destination, to, preserves, Transfers.of(context.router), most)

        def begin(into):
            call(context, about, method, into=into, lacks_all=destination.is_new, **arguments)

        return receive(context, place, begin, about, lambda done: on_progress and on_progress(done, place.total))


def _is_regular(path):
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _preserved(meta):
    return {name: meta[name] for name in ('mode', 'owner', 'group', 'mtime_ns', 'atime_ns')}


def _wanted(source, mode, owner, group, preserves, is_durable):
    wanted = _preserved(source.metadata) if preserves else {'default_mode': source.metadata['mode']}
    given = {'mode': mode, 'owner': owner, 'group': group, 'durable': is_durable}
    wanted.update((name, value) for name, value in given.items() if value is not None and value is not False)
    return wanted
