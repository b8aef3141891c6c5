"""Value types of our own that travel beside the built-in ones."""


class Secret(str):
    """A str that does not show itself in logs: not by repr, str, print or format, not from within a container.

    `secret.reveal()` is the value. What is made of it by string methods or `+` is a plain str again.
    """

    __slots__ = ()

    def __repr__(self):
        return '<secret>'

    __str__ = __repr__

    def reveal(self):
        """The value, a plain str."""
        return str.__str__(self)

    def __format__(self, spec):
        return format('<secret>', spec)
