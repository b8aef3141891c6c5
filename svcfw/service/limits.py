"""Per-service limits that the maker of a pool sets, overriding the class attributes."""

from svcfw.service.errors import PoolError


def checked(limits):
    """`limits`, validated: {service name: {'max_running': int or None, 'max_waiting': int}}. Raises PoolError."""
    if type(limits) is not dict:
        raise PoolError('limits must be a dict of service names, not %r' % (limits,))
    for name, values in limits.items():
        if type(values) is not dict:
            raise PoolError('limits of %s must be a dict, not %r' % (name, values))
        for limit, value in values.items():
            if not _is_limit(limit, value):
                raise PoolError('invalid limit of %s: %s=%r' % (name, limit, value))
    return limits


def _is_limit(limit, value):
    if limit == 'max_running' and value is None:
        return True
    return limit in ('max_running', 'max_waiting') and type(value) is int and value > 0
