"""An account at a mail service as a connection names it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from workflows.messaging.models import Connection
from workflows.messaging.outbound import NotSent
from workflows.messaging.postbox import POSTBOX_CALLBACK_HEADER, POSTBOX_HOST
from workflows.messaging.secrets import SecretText, UnreadableSecret, reveal_secrets
from workflows.messaging.tracking import public_url


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """An account at a mail service; its key stays in its Secret."""

    account_id: UUID
    connection_id: UUID
    kind: str
    settings: Mapping[str, Any]
    secret_id: UUID | None

    @classmethod
    def of(cls, connection: Connection) -> "ServiceAccount":
        """Return the account of a connection to a mail service."""
        return cls(
            account_id=connection.account_id,
            connection_id=connection.id,
            kind=connection.kind,
            settings=connection.settings,
            secret_id=connection.secret_id,
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, for payloads."""
        return {
            "account_id": str(self.account_id),
            "connection_id": str(self.connection_id),
            "kind": self.kind,
            "settings": dict(self.settings),
            "secret_id": self.secret_id and str(self.secret_id),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ServiceAccount":
        ids = {name: data[name] and UUID(data[name]) for name in ("account_id", "connection_id", "secret_id")}
        return cls(**{**data, **ids})

    @property
    def base_url(self) -> str:
        """Return the address that all calls begin with, without a slash at its end."""
        return f"http://{POSTBOX_HOST}" if self.is_postbox else f"https://{self.settings['api_host']}"

    @property
    def is_postbox(self) -> bool:
        return bool(self.settings["api_host"] == POSTBOX_HOST)

    @property
    def own_headers(self) -> dict[str, str]:
        """Return headers of every mail's request: what the postbox cannot know and a service can."""
        return {POSTBOX_CALLBACK_HEADER: self.callback_url} if self.is_postbox else {}

    @property
    def callback_url(self) -> str:
        """Return where the service tells what became of mails: people paste it into the service's settings."""
        return public_url(f"/hooks/{self.kind}/{self.connection_id}")

    def key(self) -> SecretText:
        """Return the key that calls are made with; NotSent(`invalid_config`) when there is none that can be read."""
        try:
            found = reveal_secrets(account_id=self.account_id, secret_ids=[self.secret_id] if self.secret_id else [])
        except UnreadableSecret as error:
            raise NotSent("invalid_config", str(error)) from error
        if self.secret_id not in found:
            raise NotSent("invalid_config", "The connection has no API key; give it one as its password.")
        return found[self.secret_id]
