"""Standing: what a new login of this account would get, compared with what this context was started with."""


class Standing(object):
    """Taken when it is made. Loop thread only."""

    def changed(self):
        """Why a new context would be another one; '' while it would be the same."""
        return ''
