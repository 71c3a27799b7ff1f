"""What Meta tells, signed with the app's secret."""

import importlib
import json
import random
from datetime import UTC, datetime, timedelta
from uuid import uuid5

import pytest
from django.test import Client
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from workflows.crm.models import Consent, Contact, ContactIdentity, Event
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Message
from workflows.messaging.providers.messenger import MessengerPage, sign
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory, MessageFactory

pytestmark = pytest.mark.django_db
hooks = importlib.import_module("workflows.api.hooks.messenger")  # the package calls its view by the same name
PAGE, PERSON = "104270000000001", "2001"
SECRET = "app secret"
NOW = datetime.now(tz=UTC).replace(microsecond=0)
SECOND = timedelta(seconds=1)


@pytest.fixture
def connection(account):
    return page_connection(account, PAGE, SECRET)


def page_connection(account, page_id, app_secret):
    secret = create_secret(account_id=account.id, actor=SYSTEM, name=f"app {page_id}", value=app_secret)
    return ConnectionFactory(account=account, kind="messenger", settings={"page_id": page_id}, webhook_secret=secret)


@pytest.fixture
def contact(account):
    return known(account, PERSON)


def known(account, person, *, source=f"messenger:{PAGE}"):
    contact = ContactFactory(account=account)
    ContactIdentity.objects.create(account=account, contact=contact, kind="external", source=source, value=person)
    return contact


@pytest.fixture
def sent(account, contact, connection):
    return message_to(contact, connection, "m_9", status="sent")


def message_to(contact, connection, mid, *, status="sent", sent_at=NOW - 10 * SECOND, **facts):
    return MessageFactory(
        account=contact.account,
        contact_id=contact.id,
        connection_id=connection.id,
        channel="messenger",
        status=status,
        sender=PAGE,
        recipient=facts.pop("recipient", PERSON),
        text="Hello",
        provider_message_id=mid,
        execution_id=uuid7(),
        action_execution_id=uuid7(),
        sent_at=sent_at,
        **facts,
    )


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """What workers are woken for."""
    calls = []
    monkeypatch.setattr(hooks, "wake", lambda tick, **arguments: calls.append((str(tick), arguments)))
    return calls


def post(connection_id, body, *, secret=SECRET, signature=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"X-Hub-Signature-256": sign(secret, body) if signature is None else signature}
    return Client().post(f"/hooks/messenger/{connection_id}", body, content_type="application/json", headers=headers)


def callback(*items, page=PAGE):
    return {"object": "page", "entry": [{"id": page, "time": 1, "messaging": list(items)}]}


def in_ms(moment):
    return round(moment.timestamp() * 1000)


def said(text, *, mid="m_1", person=PERSON, page=PAGE, at=NOW, **message):
    return {
        "sender": {"id": person},
        "recipient": {"id": page},
        "timestamp": in_ms(at),
        "message": {"mid": mid, "text": text, **message},
    }


def echoed(mid, metadata, *, person=PERSON, at=NOW):
    return {
        "sender": {"id": PAGE},
        "recipient": {"id": person},
        "timestamp": in_ms(at),
        "message": {"mid": mid, "is_echo": True, "app_id": 7, "metadata": str(metadata), "text": "Hello"},
    }


def told(name, *mids, until=NOW, person=PERSON):
    progress = {"watermark": in_ms(until)} | ({"mids": list(mids)} if mids else {})
    return {"sender": {"id": person}, "recipient": {"id": PAGE}, "timestamp": in_ms(until), name: progress}


class TestChallenge:
    def ask(self, connection, **changes):
        token = MessengerPage.of(connection).verify_token
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444", **changes}
        return Client().get(f"/hooks/messenger/{connection.id}", query)

    def test_is_repeated_to_who_knows_the_verify_token(self, connection):
        answer = self.ask(connection)
        assert (answer.status_code, answer.content) == (200, b"1158201444")
        assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("text/plain; charset=utf-8", "nosniff")

    @pytest.mark.parametrize(
        "changes",
        [
            {"hub.verify_token": ""},
            {"hub.verify_token": "guessed"},
            {"hub.verify_token": "ü"},
            {"hub.mode": "unsubscribe"},
            {"hub.challenge": "1" * 201},
        ],
    )
    def test_is_refused_to_others(self, connection, changes):
        assert self.ask(connection, **changes).status_code == 403

    def test_of_another_connection_has_another_token(self, connection, other_account):
        other = page_connection(other_account, PAGE, SECRET)
        token = MessengerPage.of(other).verify_token
        assert token != MessengerPage.of(connection).verify_token
        assert self.ask(connection, **{"hub.verify_token": token}).status_code == 403
        mail = ConnectionFactory(account=connection.account)
        for unknown in (uuid7(), mail.id):
            assert Client().get(f"/hooks/messenger/{unknown}").status_code == 403


class TestSignatures:
    @pytest.mark.parametrize("signature", ["", "sha256=", "forged", "sha1=00", "ü".encode().decode("latin-1")])
    def test_that_are_forged_are_refused(self, connection, contact, signature):
        assert post(connection.id, callback(said("STOP")), signature=signature).status_code == 403
        assert not Message.objects.exists()
        assert not Consent.objects.exists()

    def test_are_over_the_raw_body(self, connection, contact):
        body = json.dumps(callback(said("Yes"))).encode()
        assert post(connection.id, body + b" ", signature=sign(SECRET, body)).status_code == 403
        assert post(connection.id, body, signature=sign(SECRET, body)).status_code == 200

    def test_of_another_connection_are_refused(self, connection, sent, other_account):
        other = page_connection(other_account, PAGE, "other")
        assert post(other.id, callback(told("delivery", "m_9"))).status_code == 403
        assert post(connection.id, callback(told("delivery", "m_9")), secret="other").status_code == 403
        sent.refresh_from_db()
        assert sent.status == "sent"

    def test_are_needed_where_no_app_secret_is_known(self, connection, contact):
        connection.webhook_secret = None
        connection.save()
        assert post(connection.id, callback(said("Yes")), secret="").status_code == 403
        assert not Message.objects.exists()

    def test_of_connections_that_are_not_there_look_the_same(self, connection):
        mail = ConnectionFactory(account=connection.account)
        for unknown in (uuid7(), mail.id):
            response = post(unknown, callback(said("Yes")))
            assert (response.status_code, response.content) == (403, b"")

    def test_are_asked_for_by_get_and_post_alone(self, connection):
        assert Client().put(f"/hooks/messenger/{connection.id}").status_code == 405


class TestReceived:
    def test_is_a_message_and_an_event_beside_the_step_that_wrote(self, connection, contact, sent, woken):
        response = post(connection.id, callback(said("Yes, gladly 😀", at=NOW - SECOND)))
        assert (response.status_code, response.content) == (200, b"EVENT_RECEIVED")
        message = Message.objects.get(direction="inbound")
        assert message.id == uuid5(connection.id, "m_1")
        assert (message.contact_id, message.channel, message.status) == (contact.id, "messenger", "delivered")
        assert (message.sender, message.recipient, message.text) == (PERSON, PAGE, "Yes, gladly 😀")
        assert (message.execution_id, message.action_execution_id) == (sent.execution_id, sent.action_execution_id)
        assert message.sent_at == NOW - SECOND
        event = Event.objects.get(event_type="messenger_received")
        assert (event.contact_id, event.source, event.event_id) == (contact.id, "messenger", "m_1")
        assert event.occurred_at == NOW - SECOND
        assert event.data == {
            "message_id": str(message.id),
            "text": "Yes, gladly 😀",
            "payload": "",
            "attachments": [],
            "page_id": PAGE,
            "related_message_id": str(sent.id),
        }
        assert woken == []

    def test_carries_what_was_tapped(self, connection, contact):
        button = {
            "sender": {"id": PERSON},
            "recipient": {"id": PAGE},
            "timestamp": in_ms(NOW),
            "postback": {"mid": "m_2", "title": "Start", "payload": "start"},
        }
        post(connection.id, callback(said("Yes", quick_reply={"payload": "yes"}), button))
        events = Event.objects.filter(event_type="messenger_received").order_by("sequence")
        assert [(event.data["text"], event.data["payload"]) for event in events] == [("Yes", "yes"), ("Start", "start")]

    def test_counts_a_button_without_an_id_once(self, connection, contact):
        button = {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": 5, "postback": {"payload": "x"}}
        for _ in range(2):
            post(connection.id, callback(button))
        assert Message.objects.get().provider_message_id.startswith("postback_")

    def test_keeps_where_its_files_are(self, connection, contact):
        files = [{"type": "image", "payload": {"url": f"https://cdn.example/{number}"}} for number in range(12)]
        post(connection.id, callback(said("", attachments=[*files[:2], {"type": "fallback"}, *files[2:]])))
        assert Message.objects.get().media_urls == [f"https://cdn.example/{number}" for number in range(10)]

    def test_belongs_to_the_message_that_it_was_written_below(self, connection, contact, sent):
        last = message_to(contact, connection, "m_10")
        post(connection.id, callback(said("This", reply_to={"mid": "m_9"}), said("That", mid="m_2")))
        related = Event.objects.filter(event_type="messenger_received").order_by("sequence")
        assert [event.data["related_message_id"] for event in related] == [str(sent.id), str(last.id)]

    def test_counts_once_however_often_it_is_told(self, connection, contact):
        for _ in range(3):
            assert post(connection.id, callback(said("Yes"), said("Yes"))).status_code == 200
        assert Message.objects.count() == 1
        assert Event.objects.filter(event_type="messenger_received").count() == 1

    def test_opens_the_window_when_it_was_written_not_when_it_was_told(self, connection, contact):
        post(
            connection.id,
            callback(said("Old", at=NOW - timedelta(days=2)), said("Ahead", mid="m_2", at=NOW + timedelta(days=9))),
        )
        old, ahead = Message.objects.order_by("sent_at")
        assert old.sent_at == NOW - timedelta(days=2)
        assert NOW <= ahead.sent_at < NOW + timedelta(minutes=5)

    def test_of_several_entries_are_all_taken_but_those_of_other_pages(self, connection, contact):
        entries = [callback(said(str(number), mid=f"m_{number}"))["entry"][0] for number in range(3)]
        foreign = callback(said("no", mid="m_5", page="55555"), page="55555")["entry"][0]
        claimed = callback(said("no", mid="m_7"), page="55555")["entry"][0]
        mixed = callback(said("no", mid="m_6", page="55555"))["entry"][0]
        post(connection.id, {"object": "page", "entry": [*entries, foreign, claimed, mixed]})
        assert sorted(Message.objects.values_list("text", flat=True)) == ["0", "1", "2"]


class TestStrangers:
    def test_become_contacts_whose_name_is_asked_for(self, connection, woken, account):
        post(connection.id, callback(said("Hello?", person="3001"), said("Anybody?", person="3001", mid="m_2")))
        contact = Contact.objects.get()
        assert (contact.account_id, contact.source, contact.first_name) == (account.id, "messenger", "")
        identity = ContactIdentity.objects.get()
        assert (identity.kind, identity.source, identity.value) == ("external", f"messenger:{PAGE}", "3001")
        assert set(Message.objects.values_list("contact_id", flat=True)) == {contact.id}
        arguments = {"connection_id": str(connection.id), "contact_id": str(contact.id), "person": "3001"}
        assert woken == [("meet_on_messenger", {"account_id": str(account.id), **arguments})]
        assert list(Event.objects.order_by("sequence").values_list("event_type", flat=True)) == [
            "contact_created",
            "messenger_received",
            "messenger_received",
        ]

    def test_known_to_another_account_become_contacts_of_their_own(self, connection, other_account):
        known(other_account, PERSON)
        post(connection.id, callback(said("STOP")))
        message = Message.objects.get(direction="inbound")
        assert message.account_id == connection.account_id
        assert not Consent.objects.filter(account=other_account).exists()

    def test_are_known_by_an_id_that_names_no_page(self, connection, account):
        contact = known(account, PERSON, source="messenger")
        post(connection.id, callback(said("Hello")))
        assert Message.objects.get().contact_id == contact.id

    def test_that_were_deleted_begin_anew(self, connection, contact):
        delete_contacts(account_id=contact.account_id, actor=SYSTEM, contact_ids=[contact.id], now=NOW)
        post(connection.id, callback(said("Hello")))
        assert Message.objects.get().contact_id != contact.id


class TestConsentWords:
    def test_stop_opts_out_at_once_and_is_answered_once(self, connection, contact, woken):
        for text, mid in ((" Stop! 🛑", "m_1"), (" Stop! 🛑", "m_1"), ("STOPALL", "m_2")):
            post(connection.id, callback(said(text, mid=mid)))
        consent = Consent.objects.get(contact=contact)
        assert (consent.channel, consent.state, consent.recorded_at) == ("messenger", "opt_out", NOW)
        assert "m_1" in consent.evidence
        answer = Message.objects.get(direction="outbound")
        assert (answer.status, answer.recipient, answer.sender, answer.execution_id) == ("queued", PERSON, PAGE, None)
        assert "unsubscribed" in answer.text
        ids = {"account_id": str(contact.account_id), "message_id": str(answer.id)}
        assert woken == [("answer_on_messenger", ids)]

    def test_start_lifts_it_and_help_answers(self, connection, contact, woken):
        post(connection.id, callback(said("STOP", at=NOW - 2 * SECOND)))
        post(connection.id, callback(said("START", mid="m_2", at=NOW - SECOND)))
        assert Consent.objects.get(contact=contact).state == "opt_in"
        post(connection.id, callback(said("help", mid="m_3")))
        assert [tick for tick, _ in woken] == ["answer_on_messenger"] * 3
        post(connection.id, callback(said("help", mid="m_3")))
        assert len(woken) == 3

    def test_are_meant_by_who_taps_them(self, connection, contact):
        post(connection.id, callback(said("Stop", quick_reply={"payload": "x"})))
        assert Consent.objects.get(contact=contact).state == "opt_out"

    def test_that_come_late_do_not_undo_newer_ones(self, connection, contact):
        post(connection.id, callback(said("STOP", at=NOW)))
        post(connection.id, callback(said("START", mid="m_0", at=NOW - SECOND)))
        assert Consent.objects.get(contact=contact).state == "opt_out"


class TestReceipts:
    def test_bring_the_message_forward(self, connection, sent):
        assert post(connection.id, callback(told("delivery", "m_9"))).status_code == 200
        sent.refresh_from_db()
        assert (sent.status, sent.delivered_at, sent.opened_at) == ("delivered", NOW, None)
        post(connection.id, callback(told("read")))
        sent.refresh_from_db()
        assert (sent.status, sent.opened_at, sent.opens) == ("opened", NOW, 1)

    def test_by_moment_are_for_what_was_sent_until_then(self, connection, contact, sent):
        later = message_to(contact, connection, "m_10", sent_at=NOW + 3 * SECOND)
        queued = message_to(contact, connection, "", status="queued", sent_at=None)
        post(connection.id, callback(told("read")))
        for message, expected in ((sent, "opened"), (later, "sent"), (queued, "queued")):
            message.refresh_from_db()
            assert message.status == expected

    @pytest.mark.parametrize(
        ("items", "expected"),
        [
            (["delivery", "read"], "opened"),
            (["read", "delivery"], "opened"),
            (["read", "delivery", "read", "delivery", "delivery"], "opened"),
            (["echo", "delivery"], "delivered"),
            (["delivery", "echo"], "delivered"),
            (["read", "echo"], "opened"),
            (["echo", "echo"], "sent"),
        ],
    )
    def test_never_lead_back(self, connection, sent, items, expected):
        for name in items:
            post(connection.id, callback(echoed("m_9", sent.id) if name == "echo" else told(name, "m_9")))
        sent.refresh_from_db()
        assert (sent.status, sent.provider_message_id) == (expected, "m_9")

    def test_of_echoes_tell_the_id_before_the_answer_does(self, connection, sent):
        Message.objects.update(status="queued", provider_message_id="", sent_at=None)
        post(connection.id, callback(echoed("m_9", sent.id), told("delivery", "m_9")))
        sent.refresh_from_db()
        assert (sent.status, sent.provider_message_id, sent.sent_at) == ("delivered", "m_9", NOW)

    def test_weigh_more_than_that_we_gave_up(self, connection, sent):
        Message.objects.update(status="failed", provider_message_id="", error_message="No answer")
        post(connection.id, callback(echoed("m_9", sent.id)))
        sent.refresh_from_db()
        assert (sent.status, sent.error_message) == ("sent", "")

    def test_of_others_change_nothing(self, connection, sent):
        before = sent.updated_at
        strange = [
            echoed("m_8", sent.id),
            echoed("m_9", uuid7()),
            echoed("m_9", "written by hand"),
            {**echoed("m_9", sent.id), "sender": {"id": "55555"}},
            echoed("m_9", sent.id, person="2002"),
            told("delivery", "m_9", person="2002"),
            told("delivery", "m_8", until=NOW - timedelta(hours=1)),
        ]
        post(connection.id, callback(*strange))
        sent.refresh_from_db()
        assert (sent.status, sent.provider_message_id, sent.updated_at) == ("sent", "m_9", before)

    def test_do_not_reach_messages_of_another_account(self, connection, sent, other_account):
        person = known(other_account, PERSON)
        other = message_to(person, connection, "m_9")
        post(connection.id, callback(told("delivery", "m_9"), told("read"), echoed("m_9", other.id)))
        other.refresh_from_db()
        assert other.status == "sent"

    def test_shuffled_tripled_and_some_forged_end_right(self, account, connection):
        chance = random.Random(7)
        calls, expected = [], {}
        for number in range(30):
            person, mid = str(3000 + number), f"m_{number}"
            message = message_to(known(account, person), connection, mid, recipient=person)
            names = chance.choice([["echo"], ["echo", "delivery"], ["delivery", "read"]])
            expected[message.id] = {"echo": "sent", "delivery": "delivered", "read": "opened"}[names[-1]]
            items = {
                "echo": echoed(mid, message.id, person=person),
                "delivery": told("delivery", mid, person=person),
                "read": told("read", person=person),
            }
            calls += [(items[name], SECRET) for name in names for _ in range(3)]
            calls.append((items["read"], "forged"))
        chance.shuffle(calls)
        refused = [post(connection.id, callback(item), secret=secret).status_code == 403 for item, secret in calls]
        assert sum(refused) == 30
        assert dict(Message.objects.values_list("id", "status")) == expected


class TestHostileBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"object": "page", "entry": ' + b"[" * 50_000,
            b'{"object": "page", "entry": 5}',
            b'{"object": "page", "entry": [null, 5, {"id": 5, "messaging": {}}]}',
            b'{"object": "user", "entry": []}',
            b'{"object": "page", "entry": [{"id": "104270000000001", "messaging": [null, 1, {}, {"message": []}]}]}',
        ],
        ids=range(10),
    )
    def test_change_nothing_and_are_no_error(self, connection, contact, body):
        assert post(connection.id, body).status_code == 200
        assert not Message.objects.exists()

    @pytest.mark.parametrize(
        "change",
        [
            {"sender": None},
            {"sender": {"id": 5}},
            {"sender": {"id": "x'--"}},
            {"sender": {"id": "1" * 65}},
            {"sender": {"id": ""}},
            {"timestamp": None},
            {"timestamp": 10**400},
            {"timestamp": -(10**30)},
            {"timestamp": True},
            {"timestamp": "now"},
            {"message": "x"},
            {"message": {"mid": 5, "text": "x"}},
            {"message": {"mid": "", "text": "x"}},
            {"message": {"mid": "m_1", "is_deleted": True}},
            {"message": {"mid": "m_1", "is_echo": True, "metadata": {"a": 1}}},
            {"message": None, "delivery": {"watermark": "x", "mids": 5}},
            {"message": None, "delivery": {"watermark": 1, "mids": [None, {}, "\ud800\0", 5]}},
            {"message": None, "read": []},
            {"message": None, "postback": "x"},
        ],
        ids="-".join,
    )
    def test_of_items_are_left_out(self, connection, contact, change):
        assert post(connection.id, callback({**said("x"), **change})).status_code == 200
        assert not Message.objects.exists()

    def test_are_stored_as_far_as_they_can_be(self, connection, contact):
        wild = said(
            "a\0b\ud800" + "x" * 20_000,
            mid="m" * 300,
            quick_reply={"payload": "p" * 2000},
            attachments=[5, {"payload": []}],
        )
        assert post(connection.id, callback(wild)).status_code == 200
        message = Message.objects.get()
        assert (message.text[:3], len(message.text), len(message.provider_message_id)) == ("abx", 10_000, 200)
