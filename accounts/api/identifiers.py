"""Ids as they come in paths, headers and bodies."""

import re
from uuid import UUID

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def parse_uuid(text: object) -> UUID | None:
    """Return the UUID written in the usual form with dashes; anything else gives None."""
    if isinstance(text, str) and UUID_TEXT.fullmatch(text):
        return UUID(text)
    return None
