"""A pool of licences that the hosts of one run share."""

import logging

import svcfw.service

log = logging.getLogger(__name__)


class Licences(svcfw.service.Service):
    """Three keys, each for one host."""

    invoker_class = svcfw.service.SerializedInvoker  # one after the other, over all hosts of the run

    def __init__(self, router):
        super().__init__(router)
        self.free = list(range(3))

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    @svcfw.service.arg_spec(spec={'product': str})
    def checkout(self, product, msg):
        """Returns {'key', 'host'}; RefusedError-like text where none is left."""
        host = svcfw.service.caller(msg).inventory_hostname
        if not self.free:
            raise LookupError(f'no licence for {product} is left for {host}')
        key = self.free.pop()
        log.info('%s has key %d for %s', host, key, product)
        return {'key': key, 'host': host}
