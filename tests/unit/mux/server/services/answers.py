"""An answer of a service host."""

from typing import Any


class Answer:
    """In the place of a Message."""

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def value(self) -> Any:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value
