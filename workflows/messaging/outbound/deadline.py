"""One limit for everything a request does, however many reads and writes that takes."""

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left; TimeoutError when there are none."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def share(self, parts: int) -> "Deadline":
        """Return the deadline of the first of `parts` attempts that divide what is left."""
        return Deadline.after(self.remaining() / parts)
