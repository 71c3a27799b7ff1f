"""SendGrid."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.problems import Invalid
from workflows.messaging.providers.mail_services.sendgrid import verification_key
from workflows.messaging.services.connection_kinds.base import Kind
from workflows.messaging.services.connection_kinds.mail_service import SENDGRID_HOSTS, callback, invalid, try_out


def complete_settings(settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None) -> dict[str, Any]:
    """Return the settings with their defaults, or refuse a key that verifies nothing."""
    key = "".join(settings.get("verification_key", "").split())
    if key and verification_key(key) is None:
        detail = "Give the verification key as SendGrid shows it below Event Webhook, Signature Verification."
        raise Invalid(invalid("verification_key", detail))
    return {"api_host": settings.get("api_host", SENDGRID_HOSTS[0]), "verification_key": key}


SENDGRID = Kind(complete_settings, try_out, places=("api_host",), callback=callback)
