"""Postmark."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.problems import Invalid
from workflows.messaging.services.connection_kinds.base import Kind
from workflows.messaging.services.connection_kinds.mail_service import POSTMARK_HOSTS, callback, invalid, try_out

STREAM = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,28}[a-z0-9])?")
DEFAULT_STREAM = "outbound"


def complete_settings(settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None) -> dict[str, Any]:
    """Return the settings with their defaults, or refuse what cannot be a stream's id."""
    stream = settings.get("message_stream", "").strip().lower() or DEFAULT_STREAM
    if not STREAM.fullmatch(stream):
        detail = "Give the stream's id as Postmark shows it, such as outbound or broadcast."
        raise Invalid(invalid("message_stream", detail))
    return {"message_stream": stream, "api_host": settings.get("api_host", POSTMARK_HOSTS[0])}


POSTMARK = Kind(complete_settings, try_out, places=("api_host",), has_webhook_secret=True, callback=callback)
