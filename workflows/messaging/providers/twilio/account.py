"""An account at Twilio as a connection names it, and the SDK's client for it."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from twilio.rest import Client

from workflows.messaging.models import Connection
from workflows.messaging.outbound import NotSent
from workflows.messaging.providers.twilio.door import Door
from workflows.messaging.secrets import SecretText, UnreadableSecret, reveal_secrets

API_HOST = "api.twilio.com"
ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account at Twilio; its auth token stays in its Secret."""

    account_id: UUID
    connection_id: UUID
    sid: str
    api_host: str
    """`api.twilio.com`, or `postbox.test` for the postbox."""
    secret_id: UUID | None

    @classmethod
    def of(cls, connection: Connection) -> "TwilioAccount":
        """Return the account of a connection of the kind `twilio`."""
        return cls(
            account_id=connection.account_id,
            connection_id=connection.id,
            sid=connection.settings.get("account_sid", ""),
            api_host=connection.settings.get("api_host", API_HOST),
            secret_id=connection.secret_id,
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, for payloads."""
        return {
            "account_id": str(self.account_id),
            "connection_id": str(self.connection_id),
            "sid": self.sid,
            "api_host": self.api_host,
            "secret_id": self.secret_id and str(self.secret_id),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TwilioAccount":
        ids = {name: data[name] and UUID(data[name]) for name in ("account_id", "connection_id", "secret_id")}
        return cls(**{**data, **ids})

    @property
    def callback_url(self) -> str:
        """Return where Twilio tells of messages: what people set as a number's webhook, and where receipts go."""
        return f"{settings.PUBLIC_URL.rstrip('/')}/hooks/twilio/{self.connection_id}"

    def token(self) -> SecretText:
        """Return the auth token; NotSent(`invalid_config`) when there is none that can be read."""
        try:
            found = reveal_secrets(account_id=self.account_id, secret_ids=[self.secret_id] if self.secret_id else [])
        except UnreadableSecret as error:
            raise NotSent("invalid_config", str(error)) from error
        if self.secret_id not in found:
            raise NotSent("invalid_config", "The connection has no auth token; give it one as its password.")
        return found[self.secret_id]

    def client(self) -> Client:
        """Return the SDK's client, which speaks through our own door to the network."""
        return Client(self.sid, self.token().reveal(), http_client=Door(self.api_host), environment={"": ""})
