"""How values look in lists, panels and pages."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.timezone import localtime

BAD = frozenset({"failed", "bounced", "complained", "opt_out", "failing", "cancelled", "unknown"})
GOOD = frozenset({"completed", "active", "sent", "delivered", "opened", "clicked", "opt_in", "working"})
PENDING = frozenset({"waiting", "paused", "scheduled", "queued", "pending", "running", "open", "awaiting", "parked"})


def tone(value: str) -> str:
    """Return the color of a status: success, danger, info or none."""
    if value in BAD:
        return "danger"
    return "success" if value in GOOD else "info" if value in PENDING else ""


LABELS: dict[str, str] = {value: tone(value) for value in BAD | GOOD | PENDING}
"""For `@display(label=LABELS)`: the color by status."""


def chip(value: str, text: str = "") -> str:
    """Return a status as a small colored label."""
    return format_html('<span class="chip chip-{}">{}</span>', tone(value) or "plain", text or value.replace("_", " "))


def when(moment: datetime | None) -> str:
    """Return a time as people read it, in the time zone of the page; empty when there is none."""
    if moment is None:
        return ""
    return format_html('<span class="whitespace-nowrap">{}</span>', f"{localtime(moment):%Y-%m-%d %H:%M:%S}")
