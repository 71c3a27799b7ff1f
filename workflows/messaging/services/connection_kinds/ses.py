"""Amazon SES."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.problems import Invalid
from workflows.messaging.providers.mail_services.sns import TOPIC
from workflows.messaging.services.connection_kinds.base import Kind
from workflows.messaging.services.connection_kinds.mail_service import SES_HOSTS, callback, invalid, try_out

PATTERNS = {
    "region": (re.compile(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}"), "Give a region such as eu-west-1."),
    "access_key_id": (re.compile(r"[A-Z0-9]{16,128}"), "Give the access key's id, such as AKIA and 16 characters."),
    "configuration_set": (re.compile(r"[A-Za-z0-9_-]{0,64}"), "Give the configuration set's name, or nothing."),
    "topic_arn": (re.compile(rf"(?:{TOPIC.pattern})?"), "Give the topic's ARN: arn:aws:sns:region:account:name."),
}


def complete_settings(settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None) -> dict[str, Any]:
    """Return the settings with their defaults, or refuse what Amazon would not understand."""
    given = {name: settings.get(name, "").strip() for name in PATTERNS}
    if problems := [
        invalid(name, detail) for name, (pattern, detail) in PATTERNS.items() if not pattern.fullmatch(given[name])
    ]:
        raise Invalid(*problems)
    return {**given, "api_host": settings.get("api_host", SES_HOSTS[0])}


SES = Kind(complete_settings, try_out, places=("api_host", "region", "access_key_id"), callback=callback)
