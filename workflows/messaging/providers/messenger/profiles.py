"""What Meta tells of people: https://developers.facebook.com/docs/messenger-platform/identity/user-profile."""

from workflows.messaging.providers.messenger.graph import ask
from workflows.messaging.providers.messenger.page import MessengerPage

SECONDS = 10.0
NAME_LENGTH = 100


def name_of(page: MessengerPage, person: str) -> tuple[str, str]:
    """Return first and last name of somebody who wrote to the page, empty where Meta does not tell; OutboundError."""
    profile = ask(page, "GET", person, query={"fields": "first_name,last_name"}, seconds=SECONDS)
    names = (profile.get(name) for name in ("first_name", "last_name"))
    first, last = (name.strip()[:NAME_LENGTH] if isinstance(name, str) else "" for name in names)
    return first, last
