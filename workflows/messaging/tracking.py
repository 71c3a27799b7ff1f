"""Links that tell us what became of a mail: the open pixel, followed links, unsubscribing."""

from django.conf import settings

from workflows.messaging import tokens
from workflows.messaging.links import MAXIMUM_TRACKED_LENGTH
from workflows.messaging.tokens import Sent


def public_url(path: str) -> str:
    """Return an address of this installation as the world sees it."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"


def pixel_url(sent: Sent) -> str:
    return public_url(f"/t/o/{tokens.open_token(sent)}.gif")


def click_url(sent: Sent, url: str) -> str:
    """Return an address that leads to `url` and lets us know; `url` itself when it is too long."""
    return url if len(url) > MAXIMUM_TRACKED_LENGTH else public_url(f"/t/c/{tokens.click_token(sent, url)}")


def unsubscribe_url(sent: Sent) -> str:
    return public_url(f"/unsubscribe/{tokens.unsubscribe_token(sent)}")
