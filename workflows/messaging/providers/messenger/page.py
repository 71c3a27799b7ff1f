"""A Facebook page as a connection names it: where its API is, its token, and what its webhook is checked with."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac

from workflows.messaging.models import Connection
from workflows.messaging.outbound import NotSent
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.secrets import SecretText, UnreadableSecret, reveal_secrets

API_HOST = "graph.facebook.com"
API_VERSION = "v26.0"
PAGE_ID = re.compile(r"[1-9][0-9]{4,29}")
VERSION = re.compile(r"v[1-9][0-9]?\.[0-9]")
TOKEN_LENGTH = 32
_IDS = ("account_id", "connection_id", "secret_id", "webhook_secret_id")


@dataclass(frozen=True, slots=True)
class MessengerPage:
    """A page and its app; the page access token and the app secret stay in their Secrets."""

    account_id: UUID
    connection_id: UUID
    page_id: str
    api_host: str
    """`graph.facebook.com`, or `postbox.test` for the postbox."""
    api_version: str
    secret_id: UUID | None
    webhook_secret_id: UUID | None

    @classmethod
    def of(cls, connection: Connection) -> "MessengerPage":
        """Return the page of a connection of the kind `messenger`."""
        return cls(
            account_id=connection.account_id,
            connection_id=connection.id,
            page_id=connection.settings.get("page_id", ""),
            api_host=connection.settings.get("api_host", API_HOST),
            api_version=connection.settings.get("api_version", API_VERSION),
            secret_id=connection.secret_id,
            webhook_secret_id=connection.webhook_secret_id,
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, for payloads."""
        own = {"page_id": self.page_id, "api_host": self.api_host, "api_version": self.api_version}
        return own | {name: (value := getattr(self, name)) and str(value) for name in _IDS}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "MessengerPage":
        return cls(**{**data, **{name: data[name] and UUID(data[name]) for name in _IDS}})

    @property
    def callback_url(self) -> str:
        """Return what people set as the callback URL of the app's webhook."""
        return f"{settings.PUBLIC_URL.rstrip('/')}/hooks/messenger/{self.connection_id}"

    @property
    def verify_token(self) -> str:
        """Return what people set as its verify token: Meta shows that it knows it before it tells anything."""
        return salted_hmac("messaging.messenger", str(self.connection_id), algorithm="sha256").hexdigest()[
            :TOKEN_LENGTH
        ]

    @property
    def is_at_the_postbox(self) -> bool:
        return self.api_host == POSTBOX_HOST

    @property
    def base_url(self) -> str:
        host = f"http://{POSTBOX_HOST}" if self.is_at_the_postbox else f"https://{API_HOST}"
        return f"{host}/{self.api_version}"

    def secrets(self) -> tuple[SecretText, SecretText | None]:
        """Return the page access token and the app secret; NotSent(`invalid_config`) without a readable token."""
        wanted = [secret_id for secret_id in (self.secret_id, self.webhook_secret_id) if secret_id]
        try:
            found = reveal_secrets(account_id=self.account_id, secret_ids=wanted)
        except UnreadableSecret as error:
            raise NotSent("invalid_config", str(error)) from error
        if self.secret_id not in found:
            raise NotSent("invalid_config", "The connection has no page access token; give it one as its password.")
        return found[self.secret_id], found.get(self.webhook_secret_id) if self.webhook_secret_id else None

    def app_secret(self) -> SecretText | None:
        """Return what callbacks are signed with, None when the connection has none that can be read."""
        if self.webhook_secret_id is None:
            return None
        try:
            found = reveal_secrets(account_id=self.account_id, secret_ids=[self.webhook_secret_id])
        except UnreadableSecret:
            return None
        return found.get(self.webhook_secret_id)
