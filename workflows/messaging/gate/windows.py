"""When a page may write to a contact on Messenger: for a while after the contact wrote to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

STANDARD = timedelta(hours=24)
OUTSIDE_WINDOW = "outside_24h_window"


@dataclass(frozen=True, slots=True)
class Window:
    """The time after a contact's last message in which a page may write to it, whatever for."""

    page_id: str = ""
    """The page that the contact wrote to; empty: any."""
    length: timedelta | None = STANDARD
    """None: it is always open, as it is for messages with most of Meta's tags."""
    reason: str = OUTSIDE_WINDOW
    """What is said while it is closed."""

    def end(self, last_heard_at: datetime | None) -> datetime | None:
        """Return the moment from which it is closed; None: it never opened, or is always open."""
        return last_heard_at + self.length if last_heard_at and self.length else None

    def refusal(self, last_heard_at: datetime | None, now: datetime) -> str:
        """Say why nothing may be sent, or nothing."""
        ends_at = self.end(last_heard_at)
        is_open = self.length is None or (ends_at is not None and now < ends_at)
        return "" if is_open else self.reason
