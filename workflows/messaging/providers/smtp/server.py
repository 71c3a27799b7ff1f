"""Where a mail server is and how to sign in there."""

import ssl
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import certifi
from django.conf import settings

from workflows.messaging.models import Connection
from workflows.messaging.outbound import NotSent
from workflows.messaging.postbox import POSTBOX_HOST, Address


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server as a connection names it; the password stays in its Secret."""

    account_id: UUID
    host: str
    port: int
    security: str
    """`tls` from the first byte, `starttls`, or `none`."""
    username: str = ""
    secret_id: UUID | None = None

    @classmethod
    def of(cls, connection: Connection) -> "Server":
        """Return the server of a connection of the kind `smtp`."""
        options = connection.settings
        return cls(
            account_id=connection.account_id,
            host=options.get("host", ""),
            port=options.get("port") or 0,
            security=options.get("security", "none"),
            username=options.get("username", ""),
            secret_id=connection.secret_id,
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, for payloads."""
        return {
            "account_id": str(self.account_id),
            "host": self.host,
            "port": self.port,
            "security": self.security,
            "username": self.username,
            "secret_id": self.secret_id and str(self.secret_id),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Server":
        secret_id = data["secret_id"]
        return cls(
            **{**data, "account_id": UUID(data["account_id"]), "secret_id": UUID(secret_id) if secret_id else None}
        )

    def place(self) -> tuple[str, int]:
        """Return host and port to connect to."""
        if self.host == POSTBOX_HOST and settings.POSTBOX_ENABLED:
            postbox = Address.of(settings.DATA_DIR)
            if postbox is None:
                raise NotSent("network", "The postbox has not been started.")
            return postbox.host, postbox.smtp
        return self.host, self.port


@cache
def tls_context() -> ssl.SSLContext:
    """Return a context that accepts certificates of Mozilla's authorities and of those installed on this machine."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_default_verify_paths()
    return context


def own_name() -> str:
    """Return the name that we give ourselves in EHLO."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"  # noqa: PLR2004
