"""Mailgun."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.problems import Invalid
from workflows.messaging.services.connection_kinds.base import Kind
from workflows.messaging.services.connection_kinds.mail_service import MAILGUN_HOSTS, callback, invalid, try_out

DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def complete_settings(settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None) -> dict[str, Any]:
    """Return the settings with their defaults, or refuse what is no domain."""
    domain = settings["domain"].strip().lower()
    if not DOMAIN.fullmatch(domain):
        raise Invalid(invalid("domain", "Give the sending domain as Mailgun lists it, such as mg.example.com."))
    return {"domain": domain, "api_host": settings.get("api_host", MAILGUN_HOSTS[0])}


MAILGUN = Kind(complete_settings, try_out, places=("api_host",), has_webhook_secret=True, callback=callback)
