"""What a browser sent, as forms read it."""

from django.utils.datastructures import MultiValueDict


class Submitted:
    """The fields of a POST by name; line ends are `\\n` as they were before the browser made them `\\r\\n`."""

    def __init__(self, data: MultiValueDict[str, str]) -> None:
        self._data = data

    def text(self, name: str) -> str | None:
        """Return the last value of that name, None when there is none."""
        values = self._data.getlist(name)
        return str(values[-1]).replace("\r\n", "\n") if values else None

    def texts(self, name: str) -> list[str] | None:
        """Return all values of that name but empty ones, None when the name was not sent."""
        if name not in self._data:
            return None
        return [str(value) for value in self._data.getlist(name) if value]

    def has_below(self, name: str) -> bool:
        """Tell whether there is a name that begins with this one and a dot."""
        return any(key.startswith(f"{name}.") for key in self._data)
