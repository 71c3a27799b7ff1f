"""What a browser sent, as forms read it."""

import re

from django.utils.datastructures import MultiValueDict

SURROGATES = re.compile("[\ud800-\udfff]")


class Submitted:
    """The fields of a POST by name.

    Line ends are `\\n` as they were before the browser made them `\\r\\n`; halves of surrogate pairs, which no page can
    show, become the sign for what cannot be read.
    """

    def __init__(self, data: MultiValueDict[str, str]) -> None:
        self._data = data

    def text(self, name: str) -> str | None:
        """Return the last value of that name, None when there is none."""
        values = self._data.getlist(name)
        return readable(values[-1]) if values else None

    def texts(self, name: str) -> list[str] | None:
        """Return all values of that name but empty ones, None when the name was not sent."""
        if name not in self._data:
            return None
        return [readable(value) for value in self._data.getlist(name) if value]

    def has_below(self, name: str) -> bool:
        """Tell whether there is a name that begins with this one and a dot."""
        return any(key.startswith(f"{name}.") for key in self._data)


def readable(value: object) -> str:
    return SURROGATES.sub("\ufffd", str(value).replace("\r\n", "\n"))
