"""Callbacks of Meta over HTTP, shuffled, tripled, some forged: people are met once, and states end right."""

import http.client
import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Consent, Contact, ContactIdentity, Event
from workflows.engine.tests.proofs.installation import Installation, free_port, say
from workflows.messaging.models import Connection, Message
from workflows.messaging.providers.messenger import sign
from workflows.messaging.services.connections import create_connection

pytestmark = pytest.mark.proof

PAGE = "104270000000001"
SECRET = "app secret"
KNOWN = 100
STRANGERS = 50
COPIES = 3
FORGED = 100
FINAL = {"echo": "sent", "delivery": "delivered", "read": "opened"}
"""What the last true callback makes of a message."""


@pytest.fixture
def port(installation: Installation) -> int:
    port = free_port()
    installation.start_web(port)
    return port


@pytest.fixture
def connection() -> Connection:
    account: Account = AccountFactory()
    return create_connection(
        account_id=account.id,
        actor=SYSTEM,
        kind="messenger",
        name="Page",
        settings={"page_id": PAGE, "api_host": "postbox.test"},
        password="page token",
        webhook_secret=SECRET,
    )


def known_people(account_id: Any) -> dict[str, Contact]:
    """Return new contacts by their page-scoped ids."""
    contacts = Contact.objects.bulk_create([Contact(account_id=account_id) for _ in range(KNOWN)])
    people = {str(5000 + number): contact for number, contact in enumerate(contacts)}
    ContactIdentity.objects.bulk_create(
        ContactIdentity(
            account_id=account_id, contact=contact, kind="external", source=f"messenger:{PAGE}", value=person
        )
        for person, contact in people.items()
    )
    return people


class TestPageCallbacks:
    def test_shuffled_tripled_and_forged_leave_what_is_true(self, port: int, connection: Connection) -> None:
        chance = random.Random(1)
        now = timezone.now()
        at = round(now.timestamp() * 1000)
        truth: dict[object, str] = {}
        genuine: list[dict[str, Any]] = []
        lies: list[dict[str, Any]] = []
        for number, (person, contact) in enumerate(known_people(connection.account_id).items()):
            mid = f"m_{number}"
            message = Message.objects.create(
                id=uuid7(),
                account_id=connection.account_id,
                contact_id=contact.id,
                channel="messenger",
                status="sent",
                sent_at=now - timedelta(minutes=1),
                provider_message_id=mid,
                purpose="transactional",
                connection_id=connection.id,
                sender=PAGE,
                recipient=person,
            )
            here, there = {"id": PAGE}, {"id": person}
            echo = {"mid": mid, "is_echo": True, "metadata": str(message.id)}
            items = {
                "echo": {"sender": here, "recipient": there, "timestamp": at, "message": echo},
                "delivery": {"sender": there, "recipient": here, "delivery": {"mids": [mid], "watermark": at}},
                "read": {"sender": there, "recipient": here, "read": {"watermark": at}},
            }
            last = chance.choice(list(FINAL))
            truth[message.id] = FINAL[last]
            genuine += list(items.values())[: list(FINAL).index(last) + 1]
            stop = {"mid": f"m_stop_{number}", "text": "STOP"}
            lies += [items["read"], {"sender": there, "recipient": here, "timestamp": at, "message": stop}]
        strangers = [str(9000 + number) for number in range(STRANGERS)]
        for person in strangers:
            for number in range(2):
                said = {"mid": f"m_{person}_{number}", "text": "Hello"}
                genuine.append({"sender": {"id": person}, "recipient": {"id": PAGE}, "timestamp": at, "message": said})
        calls = [(item, SECRET) for item in genuine] * COPIES
        calls += [(item, "guessed") for item in chance.sample(lies, FORGED)]
        chance.shuffle(calls)

        def send(call: tuple[dict[str, Any], str]) -> tuple[bool, int]:
            item, secret = call
            body = json.dumps({"object": "page", "entry": [{"id": PAGE, "messaging": [item]}]}).encode()
            headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(secret, body)}
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                client.request("POST", f"/hooks/messenger/{connection.id}", body, headers)
                return secret != SECRET, client.getresponse().status
            finally:
                client.close()

        with ThreadPoolExecutor(16) as pool:
            verdicts = Counter(pool.map(send, calls))

        say(f"{len(genuine)} callbacks, each {COPIES} times, and {FORGED} forged: {dict(verdicts)}")
        assert verdicts == {(True, 403): FORGED, (False, 200): len(genuine) * COPIES}
        rows = Message.objects.filter(account=connection.account_id)
        assert dict(rows.filter(direction="outbound").values_list("id", "status")) == truth
        assert rows.filter(direction="inbound").count() == 2 * STRANGERS
        assert Event.objects.filter(account=connection.account_id, event_type="messenger_received").count() == 100
        assert Contact.objects.filter(account=connection.account_id).count() == KNOWN + STRANGERS
        assert not Consent.objects.filter(account=connection.account_id).exists()
