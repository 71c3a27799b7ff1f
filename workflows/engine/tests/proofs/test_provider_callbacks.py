"""Callbacks over HTTP, in any order, several times, some of them forged: each counts once, or not at all."""

import http.client
import random
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator
from uuid_utils.compat import uuid7

from accounts.models import Account
from workflows.crm.models import Consent, Contact, Event
from workflows.engine.tests.proofs.installation import Installation, free_port, say
from workflows.engine.tests.proofs.texting import TOKEN, contacts_with_phones, texting_account
from workflows.messaging.models import Connection, Message

pytestmark = pytest.mark.proof

MESSAGES = 300
INBOUND = 100
COPIES = 3
FORGED = 300
SENDER = "+14155550100"
FINAL = {"delivered": "delivered", "undelivered": "failed", "failed": "failed", "sent": "sent"}
"""What the last true callback makes of a message."""


@dataclass(frozen=True)
class Callback:
    """One request of the provider, or of somebody who would be it."""

    path: str
    form: Mapping[str, str]
    signature: str
    is_forged: bool = False

    def send(self, port: int) -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": self.signature}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", self.path, urlencode(self.form), headers)
            return connection.getresponse().status
        finally:
            connection.close()


class Provider:
    """Signs callbacks as Twilio does."""

    def __init__(self, connection: Connection, port: int, chance: random.Random) -> None:
        self._path = f"/hooks/twilio/{connection.id}"
        self._origin = f"http://127.0.0.1:{port}"
        self._chance = chance

    def tell(self, form: Mapping[str, str], query: str = "") -> Callback:
        path = self._path + query
        return Callback(path, form, RequestValidator(TOKEN).compute_signature(self._origin + path, form))

    def forge(self, form: Mapping[str, str], query: str = "") -> Callback:
        """Return a callback of the same content with a signature that is not over it, or not by the provider."""
        genuine = self.tell(form, query)
        other = self.tell({**form, "MessageStatus": "queued"}, query)
        signature = self._chance.choice(
            [
                "",
                other.signature,
                genuine.signature[1:] + genuine.signature[0],
                genuine.signature.lower(),
                RequestValidator("guessed").compute_signature(self._origin + genuine.path, form),
                RequestValidator(TOKEN).compute_signature(self._origin + self._path + "?message=other", form),
            ]
        )
        return Callback(genuine.path, form, signature, is_forged=True)


@pytest.fixture
def port(installation: Installation) -> int:
    port = free_port()
    installation.environment["PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    installation.start_web(port)
    return port


@pytest.fixture
def account(installation: Installation) -> Account:
    return texting_account(SENDER)


class TestCallbacks:
    def test_shuffled_tripled_and_forged_leave_what_is_true(self, port: int, account: Account) -> None:
        chance = random.Random(1)
        connection = Connection.objects.get(account=account)
        provider = Provider(connection, port, chance)
        phones = contacts_with_phones(account, MESSAGES)
        truth: dict[object, str] = {}
        genuine: list[Callback] = []
        forged: list[Callback] = []
        for number, (phone, contact_id) in enumerate(phones.items()):
            message = Message.objects.create(
                id=uuid7(),
                account=account,
                contact_id=contact_id,
                channel="sms",
                status="queued",
                purpose="transactional",
                connection_id=connection.id,
                sender=SENDER,
                recipient=phone,
            )
            last = chance.choice(list(FINAL))
            truth[message.id] = FINAL[last]
            query = f"?message={message.id}"
            facts = {"MessageSid": f"SM{number:032x}", "From": SENDER, "To": phone}
            genuine += [
                provider.tell({**facts, "MessageStatus": status}, query)
                for status in dict.fromkeys(["queued", "sent", last])
            ]
            lie = "failed" if FINAL[last] != "failed" else "delivered"
            forged.append(provider.forge({**facts, "MessageStatus": lie}, query))
        for number, phone in enumerate(list(phones)[:INBOUND]):
            sid = f"SM{10**6 + number:032x}"
            text = {"MessageSid": sid, "SmsStatus": "received", "From": phone, "To": SENDER, "Body": "Thanks"}
            genuine.append(provider.tell(text))
        for phone in list(phones)[INBOUND:]:
            sid = f"SM{chance.getrandbits(64):032x}"
            text = {"MessageSid": sid, "SmsStatus": "received", "From": phone, "To": SENDER, "Body": "STOP"}
            forged.append(provider.forge(text))
        forged = chance.sample(forged, FORGED)
        calls = genuine * COPIES + forged
        chance.shuffle(calls)

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda call: (call.is_forged, call.send(port)), calls))

        verdicts = Counter(answers)
        say(f"{len(genuine)} callbacks, each {COPIES} times, and {len(forged)} forged: {dict(verdicts)}")
        assert verdicts[True, 403] == FORGED
        assert {status for is_forged, status in verdicts if not is_forged} == {200, 204}
        assert sum(count for (is_forged, _), count in verdicts.items() if not is_forged) == len(genuine) * COPIES
        outbound = Message.objects.filter(account=account, direction="outbound")
        assert dict(outbound.values_list("id", "status")) == truth
        assert outbound.exclude(provider_message_id__startswith="SM").count() == 0
        assert Message.objects.filter(account=account, direction="inbound").count() == INBOUND
        events = Event.objects.filter(account=account, event_type="sms_received")
        assert Counter(events.values_list("contact_id", flat=True)).most_common(1)[0][1] == 1
        assert events.count() == INBOUND
        assert not Consent.objects.filter(account=account).exists()
        assert Contact.objects.filter(account=account).count() == MESSAGES
