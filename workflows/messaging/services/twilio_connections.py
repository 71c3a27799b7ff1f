"""Which connection to Twilio a number belongs to."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.providers.twilio import API_HOST

API_HOSTS = (API_HOST, POSTBOX_HOST)
NUMBER_TYPES = ("sms", "voice")
MAXIMUM_NUMBERS = 200


def connection_of_number(*, account_id: UUID, number: str, type: str = "sms") -> Connection | None:  # noqa: A002
    """Return the enabled connection with a number of this type; None when the account has none."""
    rows = with_number(account_id, number, types=[type]).filter(is_enabled=True)
    return rows.first()


def first_number(*, account_id: UUID, type: str = "sms") -> tuple[Connection, str] | None:  # noqa: A002
    """Return the oldest enabled connection that has a number of this type, and its first such number."""
    connections = Connection.objects.for_account(account_id).filter(kind=ConnectionKind.TWILIO, is_enabled=True)
    for connection in connections.filter(settings__contains={"numbers": [{"types": [type]}]}).order_by("id"):
        for number in connection.settings["numbers"]:
            if type in number["types"]:
                return connection, number["number"]
    return None


def with_number(account_id: UUID, number: str, *, types: Sequence[str] = ()) -> Any:
    """Return the account's connections that have a number, of all these types."""
    wanted = {"number": number} | ({"types": list(types)} if types else {})
    connections = Connection.objects.for_account(account_id).filter(kind=ConnectionKind.TWILIO)
    return connections.filter(settings__contains={"numbers": [wanted]})
