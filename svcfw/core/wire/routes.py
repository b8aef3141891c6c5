"""RouteTable: which link leads to which context. Sans-I/O: a link is any hashable value.

A context learns its descendants from its children, which it does not trust: a child may only name ids from the blocks
that were granted to it.
"""

from svcfw.core.wire.errors import RouteError
from svcfw.core.wire.limits import MAX_BLOCKS


class RouteTable(object):
    """The descendants of one context and the links that lead to them.

    own_id: id of the context itself; parent_ids: its ancestors, nearest first. Changes need the caller's lock;
    `link_for` does not.
    """

    def __init__(self, own_id, parent_ids=()):
        self.own_id = own_id
        self.parent_ids = tuple(parent_ids)
        self._links = {}
        self._blocks = []
        #: link_for(context_id): the link that leads to a descendant; None for any other context.
        self.link_for = self._links.get

    def grant(self, first, last, link):
        """Let `link` name the ids `first` to `last`, inclusive. Raises RouteError if another block has any of them."""
        if not 0 < first <= last:
            raise RouteError('%r to %r is no block of ids' % (first, last))
        if sum(block[2] == link for block in self._blocks) >= MAX_BLOCKS:
            raise RouteError('too many blocks of ids for one link')
        for other in self._blocks:
            if first <= other[1] and other[0] <= last:
                raise RouteError('ids %d to %d are granted already' % (first, last))
        self._blocks.append((first, last, link))

    def add(self, context_id, link):
        """Route an id as the child at the other end of `link` requests. Raises RouteError unless it was granted that
        id."""
        if not any(first <= context_id <= last and owner == link for first, last, owner in self._blocks):
            raise RouteError('context %d was never granted to this link' % context_id)
        self.add_trusted(context_id, link)

    def add_trusted(self, context_id, link):
        """Route an id that this context itself gave to its child. Raises RouteError if it is in use elsewhere."""
        known = self._links.get(context_id)
        if known not in (None, link) or context_id == self.own_id or context_id in self.parent_ids:
            raise RouteError('context %d is elsewhere' % context_id)
        self._links[context_id] = link

    def remove(self, context_id):
        """Remove an id; one without route is no error."""
        self._links.pop(context_id, None)

    def behind(self, link):
        """The ids (list) that are routed by a link, the child's own first. Any thread."""
        return [context_id for context_id, known in list(self._links.items()) if known == link]

    def drop_link(self, link):
        """Remove a link and all it was granted; returns the ids that were routed by it, the child's own first."""
        lost = self.behind(link)
        for context_id in lost:
            del self._links[context_id]
        self._blocks = [block for block in self._blocks if block[2] != link]
        return lost

    def links(self):
        """The links in use, each once."""
        return set(self._links.values())
