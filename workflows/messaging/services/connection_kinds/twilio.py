"""Accounts at Twilio."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.models import Account
from accounts.problems import Invalid, Problem
from workflows.crm.values import clean_phone
from workflows.messaging.models import Connection
from workflows.messaging.providers.twilio.account import ACCOUNT_SID, API_HOST, TwilioAccount
from workflows.messaging.providers.twilio.sending import sign_in
from workflows.messaging.services.connection_kinds.base import Kind
from workflows.messaging.services.twilio_connections import with_number


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


def try_out(connection: Connection) -> None:
    """Ask Twilio for the account, send nothing; raises NotSent or SentUnknown."""
    sign_in(TwilioAccount.of(connection))


def callback(connection: Connection) -> dict[str, str]:
    """Return what a number's webhooks for messages and for calls are set up with."""
    return {"url": TwilioAccount.of(connection).callback_url}


TWILIO = Kind(complete_settings, try_out, places=("account_sid", "api_host"), callback=callback)
