"""A service that does next to nothing."""

import svcfw.service


class Counter(svcfw.service.Service):
    def __init__(self, router):
        super().__init__(router)
        self.count = 0

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def add(self, number=1):
        self.count += number
        return self.count
