"""What proofs of SMS share: accounts that text through the postbox, their contacts, and what arrived when."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Contact
from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation
from workflows.messaging.postbox.testing import PostboxClient, postbox_in_process
from workflows.messaging.services.connections import create_connection
from workflows.models import Workflow
from workflows.tests.factories import ActiveWorkflowFactory

TOKEN = "auth token"
NOWHERE = "https://crm.example"
"""A public address to which the postbox tells nothing."""


@contextmanager
def postbox_of(installation: Installation, *, public_url: str = NOWHERE) -> Iterator[PostboxClient]:
    """Run a postbox that the installation's workers know; receipts and answers go to the public address."""
    installation.environment["PUBLIC_URL"] = public_url
    with postbox_in_process(installation.folder) as client:
        client.clear()
        client.clear_rules()
        yield client


def texting_account(sender: str, **fields: Any) -> Account:
    """Return an account that texts from that number."""
    account: Account = AccountFactory(**fields)
    create_connection(
        account_id=account.id,
        actor=SYSTEM,
        kind="twilio",
        name="SMS",
        settings={
            "account_sid": "AC" + account.id.hex,
            "api_host": "postbox.test",
            "numbers": [{"number": sender, "types": ["sms"]}],
        },
        password=TOKEN,
    )
    return account


def contacts_with_phones(account: Account, count: int, *, prefix: str = "+1415") -> dict[str, UUID]:
    """Return new contacts by their numbers."""
    contacts = [Contact(account=account, phone=f"{prefix}{5550000 + number}") for number in range(count)]
    Contact.objects.bulk_create(contacts)
    return {contact.phone: contact.id for contact in contacts}


def texting_workflow(account: Account, sender: str, *, texts: int = 1) -> Workflow:
    """Return an active workflow of so many SMS at any hour."""
    config = {"from_number": sender, "purpose": "transactional", "respect_quiet_hours": False}
    chain = [("send_sms", {**config, "message": f"Text {number}"}) for number in range(texts)]
    workflow: Workflow = ActiveWorkflowFactory(account=account, chain=chain)
    return workflow


def enroll_all(installation: Installation, workflow: Workflow, contact_ids: Sequence[UUID]) -> None:
    for start in range(0, len(contact_ids), 500):
        enroll_many(
            account_id=workflow.account_id,
            workflow_id=workflow.id,
            contacts=contact_ids[start : start + 500],
            source="command",
            now=installation.clock.now(),
        )


def arrivals(postbox: PostboxClient, **filters: Any) -> dict[str, list[dict[str, Any]]]:
    """Return what reached the postbox, the oldest first, by the number that it came from."""
    by_sender: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in postbox.messages(method="POST", bodies="false", **filters):
        by_sender[entry["sender"]].append(entry)
    return by_sender


def seconds_of(entry: Mapping[str, Any]) -> float:
    """Return when an entry of the ledger came (Unix time)."""
    return datetime.fromisoformat(entry["at"]).timestamp()


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return the highest number of these times in any span of so many seconds, its end left out."""
    ordered, first, most = sorted(times), 0, 0
    for last, time in enumerate(ordered):
        while time - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
