"""Files to and from other contexts, for who asks: the other side is the FileService there.

Every function runs on the calling thread, which needs no pool, and blocks until it has succeeded or failed. On
failure what was there before is as it was. All raise TransferError, which names context, file and cause, OSError for a
file of this context, ChannelError when the other one is lost.
"""

from svcfw.core import load
from svcfw.files.calls import call, leads_to, nonsense, receive, send
from svcfw.files.disk.destination import Destination
from svcfw.files.disk.paths import decoded, room_for
from svcfw.files.disk.reader import Source
from svcfw.files.get import Get
from svcfw.files.messages.tree_parts import TreeParts
from svcfw.files.put import Put
from svcfw.files.transfers import Transfers
from svcfw.files.tree_place import TreePlace


def put(context, path, to, mode=None, owner=None, group=None, preserves=False, is_durable=False, packs=False,
        on_progress=None):  # fmt: skip
    """Copy the local file `path` to the file `to` of `context`, a child or a descendant of this one.

    mode, owner, group: as in svcfw.files.disk.writer.Wanted; by default a new file gets the mode that this one
    has, less the umask there, and one that is there keeps its own.
    preserves: take mode, owner, group and times from this one.
    packs: use zlib where the path is slow. on_progress(bytes done, bytes in all) is called as it goes on.
    """
    with Source(path) as source:
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

    A transfer that is cut off is gone on with by the next for the same file. preserves: permissions and times of the
    original, not its owner and set-id bits; else as for `put`. max_bytes: a larger file is an error; None: as much as
    the disk has room for, holes included.
    """
    return Get(context, decoded(path), on_progress, max_bytes).to_place(to, preserves, is_durable)


def put_tree(context, path, to, follow=False, preserves=True, owner=False, on_progress=None):
    """Bring the local folder `path` with all that is in it to the folder `to` of `context`; what else is there stays.

    Contents that are there already are not sent. If `to` is not there it appears whole, else file by file.
    follow: take links for what they lead to. preserves: modes and times of this one; owner: accounts, too, if the other
    side is root's. on_progress(bytes done, bytes found so far). Returns {'files', 'written', 'skipped'}: regular files,
    those whose content was sent, names (at most 100) of what is neither file nor folder nor link.
    """
    path, to = decoded(path), decoded(to)
    neighbour = context.router.neighbour(context)
    if neighbour not in (None, context):
        options = {'preserves': preserves, 'owner': owner}
        through = load('svcfw.files.relay.tree_through')
        done = through.put_tree(context, neighbour, path, to, options, follow, on_progress)
        if done is not None:
            return done
    parts = TreeParts(path, follow, Transfers.of(context.router), context.id)
    try:
        answer = call(context, to, 'begin_put_tree', path=to, preserves=preserves, owner=owner)
    except BaseException:
        parts.close()
        raise
    if type(answer) is not dict or type(answer.get('lacks_all')) is not bool or not leads_to(context, answer['into']):
        parts.close()
        raise nonsense(context, to)
    parts.lacks_all = answer['lacks_all']
    return send(context, parts, answer['into'], to, lambda done: on_progress and on_progress(done, parts.total))


def get_tree(context, path, to, follow=False, preserves=True, on_progress=None, max_bytes=None):
    """The same from the folder `path` of `context` to the local folder `to`, without owners and set-id bits.

    max_bytes: of all files together, as for `fetch`.
    """
    path, to = decoded(path), decoded(to)
    with Destination(to) as destination:
        most = room_for(to) if max_bytes is None else max_bytes
        place = TreePlace(destination, to, preserves, Transfers.of(context.router), most)

        def begin(into):
            arguments = {'path': path, 'into': into, 'follow': follow, 'lacks_all': destination.is_new}
            call(context, path, 'begin_fetch_tree', **arguments)

        return receive(context, place, begin, path, lambda done: on_progress and on_progress(done, place.total))


def _preserved(meta):
    return {name: meta[name] for name in ('mode', 'owner', 'group', 'mtime_ns', 'atime_ns')}


def _wanted(source, mode, owner, group, preserves, is_durable):
    wanted = _preserved(source.metadata) if preserves else {'default_mode': source.metadata['mode']}
    given = {'mode': mode, 'owner': owner, 'group': group, 'durable': is_durable}
    wanted.update((name, value) for name, value in given.items() if value not in (None, False))
    return wanted
