"""Accounts at Twilio, and whose number is whose."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from accounts.models import Account
from accounts.problems import Invalid, Problem
from workflows.crm.values import clean_phone
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.providers.twilio.account import ACCOUNT_SID, API_HOST, TwilioAccount
from workflows.messaging.providers.twilio.sending import sign_in

API_HOSTS = (API_HOST, POSTBOX_HOST)
NUMBER_TYPES = ("sms", "voice")
MAXIMUM_NUMBERS = 200


def complete_settings(
    settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None = None
) -> dict[str, Any]:
    """Return the settings with their defaults, or raise Invalid; the account's numbers belong to one connection each.

    Holds the account until the transaction ends, so that nobody gives the same number to two connections at a time.
    """
    problems: list[Problem] = []
    if not ACCOUNT_SID.fullmatch(settings["account_sid"]):
        detail = "An account SID is AC and 32 digits or letters a to f; Twilio's console shows it."
        problems.append(Problem("invalid", detail, "settings.account_sid"))
    Account.objects.select_for_update(no_key=True).get(id=account_id)
    numbers: list[dict[str, Any]] = []
    for index, given in enumerate(settings.get("numbers", ())):
        attr = f"settings.numbers.{index}.number"
        try:
            number = clean_phone(given["number"], "")
        except ValueError as error:
            problems.append(Problem("invalid", str(error), attr))
            continue
        if any(number == other["number"] for other in numbers) or is_elsewhere(account_id, number, connection_id):
            problems.append(Problem("number_taken", f"{number} is a number of this account already.", attr))
        numbers.append({"number": number, "types": sorted(set(given["types"]))})
    if problems:
        raise Invalid(*problems)
    return {
        "account_sid": settings["account_sid"],
        "api_host": settings.get("api_host", API_HOST),
        "numbers": numbers,
    }


def is_elsewhere(account_id: UUID, number: str, connection_id: UUID | None) -> bool:
    return with_number(account_id, number).exclude(id=connection_id).exists()


def connection_of_number(*, account_id: UUID, number: str, type: str = "sms") -> Connection | None:  # noqa: A002
    """Return the enabled connection with a number of this type; None when the account has none."""
    rows = with_number(account_id, number, types=[type]).filter(is_enabled=True)
    return rows.first()


def with_number(account_id: UUID, number: str, *, types: Sequence[str] = ()) -> Any:
    """Return the account's connections that have a number, of all these types."""
    wanted = {"number": number} | ({"types": list(types)} if types else {})
    connections = Connection.objects.for_account(account_id).filter(kind=ConnectionKind.TWILIO)
    return connections.filter(settings__contains={"numbers": [wanted]})


def try_out(connection: Connection) -> None:
    """Ask Twilio for the account, send nothing; raises NotSent or SentUnknown."""
    sign_in(TwilioAccount.of(connection))
