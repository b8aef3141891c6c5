"""In the place of the next context on the route: one that answers what a test says."""

from types import SimpleNamespace

from svcfw.core.context import Context
from svcfw.core.latch import Latch


class Reply(Latch):
    """In the place of a ServiceReply: has `value` already, or raises it."""

    def __init__(self, value):
        Latch.__init__(self)
        self.is_cancelled = False
        self.put(value)

    def get(self, timeout=None):
        value = Latch.get(self, timeout)
        self.close('it was answered')
        if isinstance(value, Exception):
            raise value
        return value

    def cancel(self):
        self.is_cancelled = True


class Message(SimpleNamespace):
    """In the place of a Message: has `said`, or raises it."""

    is_dead = False

    def value(self):
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


class Router:
    """Of the context that sends; `handlers` are those that were not removed."""

    own_id = 0
    loop = None
    transfers = None

    def __init__(self):
        self.handlers = {}
        self.logged = []

    def myself(self):
        return Context(self, 0, 'master')

    def add_handler(self, function, respondent):
        handle = 100 + len(self.handlers)
        self.handlers[handle] = function
        return handle

    def remove_handler(self, handle):
        del self.handlers[handle]

    def log(self, router, level, text):
        self.logged.append(text)


class Neighbour(Context):
    """answers: {method: what each call of it is answered with in turn}; a function is called with the arguments."""

    def __init__(self, router, **answers):
        Context.__init__(self, router, 2, 'jump')
        self.answers = answers
        self.asked = []
        self.replies = []

    def call_service(self, service, method, **arguments):
        return self.call_service_async(service, method, **arguments).get()

    def call_service_async(self, service, method, **arguments):
        self.asked.append((method, arguments))
        answer = self.answers[method].pop(0)
        self.replies.append(Reply(answer(**arguments) if callable(answer) else answer))
        return self.replies[-1]

    @property
    def methods(self):
        return [method for method, _ in self.asked]
