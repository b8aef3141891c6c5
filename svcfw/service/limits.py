"""Limits of services that whoever makes a pool sets, in place of what their classes say."""

from svcfw.service.errors import PoolError


def checked(limits):
    """{name of a service: {'max_running': int or None, 'max_waiting': int}} as it is. PoolError for anything else."""
    if type(limits) is not dict:
        raise PoolError('limits=%r is no dict of services' % (limits,))
    for name, values in limits.items():
        if type(values) is not dict:
            raise PoolError('%s: %r is no dict of limits of a service' % (name, values))
        for limit, value in values.items():
            if not _is_limit(limit, value):
                raise PoolError('%s: %s=%r is no limit of a service' % (name, limit, value))
    return limits


def _is_limit(limit, value):
    if limit == 'max_running' and value is None:
        return True
    return limit in ('max_running', 'max_waiting') and type(value) is int and value > 0
