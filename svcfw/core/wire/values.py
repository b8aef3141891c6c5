"""Value types of svcfw that can be sent beside the built-in ones."""


class Secret(str):
    """A str that is hidden in logs: by repr, str, print and format, also within a container.

    `secret.reveal()` is the value. Results of string methods and `+` are plain str again.
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
