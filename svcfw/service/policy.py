"""Policies: which contexts may call an exposed method. A policy sees a request's envelope, not its arguments."""

from svcfw.core.message import has_parent_authority


class Policy(object):
    """Base of policies. Subclasses override `is_authorized`."""

    def is_authorized(self, service, msg):
        """Whether the sender of `msg` (a Message; its `src_id` and `auth_id` are verified) may call the method.

        service: the Service instance. Runs on the loop thread: must not block. An exception counts as False.
        """
        raise NotImplementedError


class AllowAny(Policy):
    """Allows every context that can reach this one: ancestors, descendants, itself."""

    def is_authorized(self, service, msg):
        return True


class AllowParents(Policy):
    """Allows the ancestors of this context, and itself."""

    def is_authorized(self, service, msg):
        return has_parent_authority(msg)
