"""Which frames of children may pass. Sans-I/O: a link is any hashable value. The parent is trusted.

Not part of the bootstrap: without children there is nothing to decide.
"""


def check_source(table, link, frame):
    """Why the source or authority of `frame`, which came by a child's link, is wrong, or None."""
    if table.link_for(frame.src) != link:
        return 'context %d is not behind this link' % frame.src
    if frame.auth != frame.src and table.link_for(frame.auth) != link:
        return 'no authority of context %d' % frame.auth
    return None


def check_direction(table, src, dst):
    """Why a frame from `src` may not be forwarded to `dst`, or None: one must be an ancestor of the other."""
    if table.link_for(src) is not None:
        allowed = dst == table.own_id or dst in table.parent_ids
    else:
        allowed = src == table.own_id or src in table.parent_ids
    return None if allowed else 'context %d is neither ancestor nor descendant of context %d' % (dst, src)
