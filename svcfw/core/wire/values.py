"""Value types of our own that travel beside the built-in ones."""


class Secret(str):
    """A str that does not show itself in logs: not by repr, not by format, not from within a container.

    `str(secret)` is the value. What is made of it by string methods is a plain str again.
    """

    __slots__ = ()

    def __repr__(self):
        return '<secret>'

    def __format__(self, spec):
        return format('<secret>', spec)
