"""Which frames of children may pass. Pure: a link is any hashable value. What the parent sends is believed.

Not part of what a child starts from: without children there is nothing to decide.
"""


def check_source(table, link, frame):
    """Why `frame`, which came by the link of a child, is not from whom it says, or None."""
    if table.link_for(frame.src) != link:
        return 'context %d is not behind this link' % frame.src
    if frame.auth != frame.src and table.link_for(frame.auth) != link:
        return 'it has not the authority of context %d' % frame.auth
    return None


def check_direction(table, src, dst):
    """Why a frame from `src` may not be passed on to `dst`, or None: one must be an ancestor of the other."""
    if table.link_for(src) is not None:
        allowed = dst == table.own_id or dst in table.parent_ids
    else:
        allowed = src == table.own_id or src in table.parent_ids
    return None if allowed else 'context %d is neither above nor below context %d' % (dst, src)
