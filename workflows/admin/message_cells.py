"""How a message looks in lists and panels: which way it went, who the contact was, and what it says."""

from django.utils.text import Truncator

from workflows.messaging.models import Call, Direction, Message

SHOWN_CHARACTERS = 80


def call_of(row: Message) -> Call | None:
    """Return the call that a message is, None when it is another message."""
    return getattr(row, "call", None)


def way(row: Message) -> str:
    return "to" if row.direction == Direction.OUTBOUND else "from"


def address(row: Message) -> str:
    """Return the contact's address or number."""
    return row.recipient if row.direction == Direction.OUTBOUND else row.sender


def gist(row: Message) -> str:
    """Return the subject, else the beginning of the text; of a call, what came of it."""
    if call := call_of(row):
        return call.get_outcome_display() or call.get_status_display()
    return Truncator(row.subject or row.text or "–").chars(SHOWN_CHARACTERS)
