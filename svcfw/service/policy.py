"""Policies: who may call an exposed method. They see a request's envelope and nothing of its arguments."""

from svcfw.core.message import has_parent_authority


class Policy(object):
    """Base of policies. Subclasses override `is_authorized`."""

    def is_authorized(self, service, msg):
        """Whether the sender of `msg` (a Message; its `src_id` and `auth_id` can be relied on) may call the method.

        service: the Service instance. Runs on the loop's thread: must not block. What it raises counts as no.
        """
        raise NotImplementedError


class AllowAny(Policy):
    """Every context that can reach this one: its ancestors, its descendants, itself."""

    def is_authorized(self, service, msg):
        return True


class AllowParents(Policy):
    """The contexts above this one, and itself."""

    def is_authorized(self, service, msg):
        return has_parent_authority(msg)
