"""Facebook pages, whose messages go through Meta's Graph API."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.models import Account
from accounts.problems import Invalid, Problem
from workflows.messaging.models import Connection
from workflows.messaging.providers.messenger.page import API_HOST, API_VERSION, PAGE_ID, VERSION, MessengerPage
from workflows.messaging.providers.messenger.sending import sign_in
from workflows.messaging.services.connection_kinds.base import Kind
from workflows.messaging.services.messenger_pages import with_page_id

SECONDS = 15.0
"""For a try, all told."""


def complete_settings(
    settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None = None
) -> dict[str, Any]:
    """Return the settings with their defaults, or raise Invalid; a page belongs to one connection of the account.

    Holds the account until the transaction ends, so that nobody gives the same page to two connections at a time.
    """
    page_id, version = settings["page_id"].strip(), settings.get("api_version", API_VERSION).strip()
    problems: list[Problem] = []
    if not PAGE_ID.fullmatch(page_id):
        detail = "A page's id is a number of 5 to 30 digits; the page's settings at Facebook show it."
        problems.append(Problem("invalid", detail, "settings.page_id"))
    if not VERSION.fullmatch(version):
        detail = f"Give a version of the Graph API such as {API_VERSION}."
        problems.append(Problem("invalid", detail, "settings.api_version"))
    Account.objects.select_for_update(no_key=True).get(id=account_id)
    if set(with_page_id(account_id, page_id).values_list("id", flat=True)) - {connection_id}:
        problems.append(
            Problem("page_taken", f"The page {page_id} is connected to this account already.", "settings.page_id")
        )
    if problems:
        raise Invalid(*problems)
    return {"page_id": page_id, "api_host": settings.get("api_host", API_HOST), "api_version": version}


def try_out(connection: Connection) -> None:
    """Ask Meta whose token it is, send nothing; raises NotSent or SentUnknown."""
    sign_in(MessengerPage.of(connection), seconds=SECONDS)


def callback(connection: Connection) -> dict[str, str]:
    """Return what the webhook of the app is set up with."""
    page = MessengerPage.of(connection)
    return {"url": page.callback_url, "verify_token": page.verify_token}


MESSENGER = Kind(complete_settings, try_out, places=("page_id", "api_host"), has_webhook_secret=True, callback=callback)
