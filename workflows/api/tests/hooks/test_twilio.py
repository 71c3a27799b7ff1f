"""What Twilio tells, signed by its own SDK."""

import random
from functools import partial
from urllib.parse import urlencode
from uuid import uuid5

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from twilio.request_validator import RequestValidator
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import AuditEntry, Membership
from accounts.tests.factories import AccountFactory, MembershipFactory
from workflows.admin.tests.samples import dispatch
from workflows.crm.models import Consent, Contact, Event
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.tests.factories import ContactFactory
from workflows.crm.tests.together import together
from workflows.messaging.models import Message, StaffMessage
from workflows.messaging.secrets import create_secret
from workflows.messaging.services.sms_inbox import Received, take_message
from workflows.messaging.services.staff_messages import begin, give_up
from workflows.messaging.tests.factories import ConnectionFactory, MessageFactory
from workflows.models import WorkflowDispatch, WorkflowExecution

pytestmark = pytest.mark.django_db
OURS, THEIRS = "+14155550100", "+14155550123"
HOST = "https://crm.example"


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.PUBLIC_URL = HOST


@pytest.fixture
def connection(account):
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    settings = {"account_sid": "AC" + "0a" * 16, "numbers": [{"number": OURS, "types": ["sms"]}]}
    return ConnectionFactory(account=account, kind="twilio", settings=settings, secret=secret)


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, phone=THEIRS)


def call(connection_id, form, *, query="", token="auth token", signature=None):
    path = f"/hooks/twilio/{connection_id}{query}"
    signature = RequestValidator(token).compute_signature(HOST + path, form) if signature is None else signature
    return Client().post(
        path,
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
    )


def inbound(connection, text, *, sid="SM1", **changes):
    form = {"MessageSid": sid, "SmsStatus": "received", "From": THEIRS, "To": OURS, "Body": text, "NumMedia": "0"}
    return call(connection.id, {**form, **changes})


def tell(connection, message, status, *, sid="SM9", **options):
    more = options.pop("more", {})
    form = {"MessageSid": sid, "MessageStatus": status, "SmsStatus": status, "From": OURS, "To": THEIRS, **more}
    return call(connection.id, form, query=f"?message={message.id}", **options)


@pytest.fixture
def sent(account, contact, connection):
    return MessageFactory(
        account=account,
        contact_id=contact.id,
        connection_id=connection.id,
        channel="sms",
        status="sent",
        sender=OURS,
        recipient=THEIRS,
        text="Hello",
        provider_message_id="SM9",
        execution_id=uuid7(),
        action_execution_id=uuid7(),
    )


class TestSignatures:
    @pytest.mark.parametrize("signature", ["", "forged", "ü".encode().decode("latin-1")])
    def test_that_are_forged_are_refused(self, connection, contact, signature):
        form = {"MessageSid": "SM1", "SmsStatus": "received", "From": THEIRS, "To": OURS, "Body": "STOP"}
        assert call(connection.id, form, signature=signature).status_code == 403
        assert not Message.objects.exists()
        assert not Consent.objects.exists()

    def test_of_another_connection_are_refused(self, connection, contact, sent):
        other = ConnectionFactory(
            kind="twilio", secret=create_secret(account_id=sent.account_id, actor=SYSTEM, name="b", value="other")
        )
        assert tell(other, sent, "delivered").status_code == 403
        assert tell(connection, sent, "delivered", token="other").status_code == 403
        sent.refresh_from_db()
        assert sent.status == "sent"

    def test_of_connections_that_are_not_there_look_the_same(self, connection):
        mail = ConnectionFactory(account=connection.account)
        for unknown in (uuid7(), mail.id):
            response = call(unknown, {"MessageSid": "SM1"})
            assert (response.status_code, response.content) == (403, b"")

    def test_cover_the_query(self, connection, sent):
        form = {"MessageSid": "SM9", "MessageStatus": "delivered"}
        path = f"{HOST}/hooks/twilio/{connection.id}?message={uuid7()}"
        signature = RequestValidator("auth token").compute_signature(path, form)
        response = call(connection.id, form, query=f"?message={sent.id}", signature=signature)
        assert response.status_code == 403

    def test_are_not_looked_for_in_more_than_a_callback_can_be(self, connection):
        for connection_id in (connection.id, uuid7()):
            answer = call(connection_id, {"Body": "x" * 3 * 1024 * 1024}, signature="x")
            assert (answer.status_code, answer["Cache-Control"]) == (413, "no-store")

    def test_wait_until_the_database_is_back(self, connection, contact, monkeypatch):
        def away(*_: object, **__: object) -> None:
            raise OperationalError("the database is away")

        monkeypatch.setattr("workflows.messaging.services.sms_inbox.apply_consent_word", away)
        answer = inbound(connection, "STOP")
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
        assert not Message.objects.exists()

    def test_are_asked_for_by_post_alone(self, connection):
        assert Client().get(f"/hooks/twilio/{connection.id}").status_code == 405


class TestReceived:
    def test_is_a_message_and_an_event_beside_the_step_that_wrote(self, connection, contact, sent):
        response = inbound(connection, "Yes, gladly 😀")
        assert (response.status_code, response["Content-Type"]) == (200, "text/xml")
        assert response.content.decode().endswith("<Response></Response>")
        message = Message.objects.get(direction="inbound")
        assert message.id == uuid5(connection.id, "SM1")
        assert (message.contact_id, message.channel, message.status) == (contact.id, "sms", "delivered")
        assert (message.sender, message.recipient, message.text) == (THEIRS, OURS, "Yes, gladly 😀")
        assert (message.execution_id, message.action_execution_id) == (sent.execution_id, sent.action_execution_id)
        event = Event.objects.get(event_type="sms_received")
        assert (event.contact_id, event.source, event.event_id) == (contact.id, "twilio", "SM1")
        assert event.data == {
            "message_id": str(message.id),
            "text": "Yes, gladly 😀",
            "from": THEIRS,
            "to": OURS,
            "related_message_id": str(sent.id),
        }

    def test_counts_once_however_often_it_is_told(self, connection, contact):
        for _ in range(3):
            assert inbound(connection, "Yes").status_code == 200
        assert Message.objects.count() == 1
        assert Event.objects.filter(event_type="sms_received").count() == 1

    def test_keeps_pictures(self, connection, contact):
        media = {"NumMedia": "2", "MediaUrl0": "https://a.example/0", "MediaUrl1": "https://a.example/1"}
        inbound(connection, "", **media)
        assert Message.objects.get().media_urls == ["https://a.example/0", "https://a.example/1"]

    def test_finds_contacts_of_its_own_account_alone(self, connection):
        theirs = ContactFactory(phone=THEIRS)
        inbound(connection, "STOP")
        assert not Consent.objects.filter(contact_id=theirs.id).exists()
        assert not Message.objects.filter(contact_id=theirs.id).exists()

    def test_survives_what_cannot_be_stored(self, connection, contact):
        response = inbound(connection, "a\0b", NumMedia="99999999999999", sid="S" * 500)
        assert response.status_code == 200
        assert Message.objects.get().text == "ab"

    def test_goes_to_the_one_written_to_last(self, account, connection, contact, sent):
        twin = ContactFactory(account=account)
        Contact.objects.filter(id=twin.id).update(phone=THEIRS)  # as `create_duplicate` leaves it
        MessageFactory(
            account=account,
            contact_id=twin.id,
            channel="sms",
            sender=OURS,
            recipient=THEIRS,
            execution_id=uuid7(),
        )
        inbound(connection, "Yes")
        assert Message.objects.get(direction="inbound").contact_id == twin.id


class TestReceivedFromNobodyKnown:
    def test_makes_a_contact_before_the_event(self, account, connection):
        for _ in range(3):
            assert inbound(connection, "Hello?").status_code == 200
        contact = Contact.objects.for_account(account.id).get()
        assert (contact.phone, contact.source) == (THEIRS, "sms")
        message = Message.objects.get()
        assert (message.contact_id, message.text) == (contact.id, "Hello?")
        events = Event.objects.filter(contact_id=contact.id).order_by("id")
        assert [event.event_type for event in events] == ["contact_created", "sms_received"]
        assert not Consent.objects.exists()
        entry = AuditEntry.objects.for_account(account.id).get(object_id=contact.id)
        assert (entry.actor_label, entry.verb) == ("Incoming SMS", "contact.created")

    def test_makes_no_second_one_of_the_next_message(self, account, connection):
        inbound(connection, "Hello?")
        inbound(connection, "Anybody there?", sid="SM2")
        assert Contact.objects.count() == 1
        assert Message.objects.count() == 2

    @pytest.mark.parametrize(("word", "state"), [("Stop!", "opt_out"), ("START", "opt_in")])
    def test_takes_a_word_of_consent_at_its_word(self, connection, word, state):
        assert "<Message>" in inbound(connection, word).content.decode()
        consent = Consent.objects.get()
        assert (consent.contact.phone, consent.channel, consent.state) == (THEIRS, "sms", state)

    def test_answers_help_and_makes_nobody(self, connection):
        assert "Reply STOP" in inbound(connection, "HELP").content.decode()
        assert not Contact.objects.exists()
        assert not Message.objects.exists()

    @pytest.mark.parametrize("sender", ["", "12345", "ACME", "+1", "+1415555", "4155550123", "anonymous"])
    def test_makes_nobody_of_what_is_no_number(self, connection, sender):
        assert inbound(connection, "Hello?", From=sender).status_code == 200
        assert not Contact.objects.exists()

    def test_makes_nobody_of_a_members_phone(self, account, connection):
        MembershipFactory(phone=THEIRS)
        member = MembershipFactory(account=account, phone=THEIRS)
        inbound(connection, "On my way")
        assert not Contact.objects.exists()
        Membership.objects.filter(id=member.id).update(is_active=False)
        inbound(connection, "On my way", sid="SM2")
        assert Contact.objects.get().account_id == account.id

    def test_makes_nobody_anew_who_was_deleted(self, account, connection):
        inbound(connection, "Hello?")
        contact = Contact.objects.get()
        delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[contact.id], now=contact.created_at)
        inbound(connection, "Hello?")
        assert not Contact.objects.for_account(account.id).present().exists()


@pytest.mark.django_db(transaction=True)
def test_two_messages_at_once_from_nobody_known_make_one_contact(settings):
    account = AccountFactory()
    received = [Received(uuid7(), f"SM{number}", THEIRS, OURS, "Hello?") for number in range(6)]
    now = timezone.now()
    together([partial(take_message, account_id=account.id, received=each, now=now) for each in received])
    assert Contact.objects.for_account(account.id).count() == 1
    assert Message.objects.for_account(account.id).count() == 6


class TestConsentWords:
    def test_stop_opts_out_at_once_and_is_confirmed_once(self, connection, contact):
        first = inbound(connection, " Stop! 🛑")
        assert "unsubscribed" in first.content.decode()
        consent = Consent.objects.get(contact=contact)
        assert (consent.channel, consent.state) == ("sms", "opt_out")
        assert "SM1" in consent.evidence
        assert "<Message>" not in inbound(connection, " Stop! 🛑").content.decode()
        assert "<Message>" not in inbound(connection, "STOPALL", sid="SM2").content.decode()
        answers = Message.objects.filter(direction="outbound")
        assert [(answer.recipient, answer.status, answer.purpose) for answer in answers] == [
            (THEIRS, "sent", "transactional")
        ]

    def test_start_lifts_it_and_help_answers(self, connection, contact):
        inbound(connection, "STOP")
        assert "<Message>" in inbound(connection, "START", sid="SM2").content.decode()
        assert Consent.objects.get(contact=contact).state == "opt_in"
        assert "<Message>" in inbound(connection, "help", sid="SM3").content.decode()

    def test_holds_for_all_contacts_with_the_number(self, account, connection, contact):
        twin = ContactFactory(account=account)
        Contact.objects.filter(id=twin.id).update(phone=THEIRS)  # as `create_duplicate` leaves it
        inbound(connection, "STOP")
        assert set(Consent.objects.values_list("contact_id", "state")) == {
            (contact.id, "opt_out"),
            (twin.id, "opt_out"),
        }

    def test_answer_is_escaped(self, account, connection, contact):
        account.name = "A & <B>"
        account.save()
        assert "A &amp; &lt;B&gt;" in inbound(connection, "HELP").content.decode()


class TestReceipts:
    def test_bring_the_message_forward(self, connection, sent):
        assert tell(connection, sent, "delivered").status_code == 204
        sent.refresh_from_db()
        assert (sent.status, sent.delivered_at is not None, sent.error_message) == ("delivered", True, "")

    def test_say_why_it_did_not_arrive(self, connection, sent):
        tell(connection, sent, "undelivered", more={"ErrorCode": "30005"})
        sent.refresh_from_db()
        assert sent.status == "failed"
        assert "30005" in sent.error_message

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (["sent", "delivered"], "delivered"),
            (["delivered", "sent"], "delivered"),
            (["delivered", "sent", "queued", "delivered"], "delivered"),
            (["failed", "sent"], "failed"),
            (["sent", "undelivered", "sent", "sending"], "failed"),
            (["delivered", "failed"], "delivered"),
            (["queued", "sending"], "queued"),
            (["nonsense"], "queued"),
        ],
    )
    def test_never_lead_back(self, connection, sent, told, expected):
        Message.objects.update(status="queued", provider_message_id="")
        for status in told:
            tell(connection, sent, status)
        sent.refresh_from_db()
        assert (sent.status, sent.provider_message_id) == (expected, "SM9")

    def test_weigh_more_than_that_we_gave_up(self, connection, sent):
        Message.objects.update(status="failed", provider_message_id="", error_message="No answer")
        tell(connection, sent, "delivered")
        sent.refresh_from_db()
        assert (sent.status, sent.error_message) == ("delivered", "")

    def test_of_another_sid_or_message_change_nothing(self, connection, sent):
        tell(connection, sent, "delivered", sid="SM8")
        call(connection.id, {"MessageSid": "SM9", "MessageStatus": "delivered"}, query="?message=x")
        call(connection.id, {"MessageSid": "SM9", "MessageStatus": "delivered"}, query=f"?message={uuid7()}")
        sent.refresh_from_db()
        assert sent.status == "sent"

    def test_do_not_reach_messages_of_another_account(self, connection, sent):
        other = MessageFactory(channel="sms", connection_id=connection.id, provider_message_id="SM9")
        tell(connection, other, "delivered")
        other.refresh_from_db()
        assert other.status == "sent"

    def test_shuffled_tripled_and_some_forged_end_right(self, account, connection, contact):
        chance = random.Random(7)
        messages, calls = [], []
        for number in range(40):
            message = MessageFactory(
                account=account,
                contact_id=contact.id,
                connection_id=connection.id,
                channel="sms",
                status="sent",
                provider_message_id=f"SM{number}",
            )
            last = chance.choice(["delivered", "undelivered"])
            messages.append((message, "delivered" if last == "delivered" else "failed"))
            calls += [(message, status, f"SM{number}", "auth token") for status in ("sent", last) for _ in range(3)]
            wrong = "undelivered" if last == "delivered" else "delivered"
            calls.append((message, wrong, f"SM{number}", "forged token"))
        chance.shuffle(calls)
        refused = [
            tell(connection, message, status, sid=sid, token=token).status_code == 403
            for message, status, sid, token in calls
        ]
        assert sum(refused) == 40
        for message, expected in messages:
            message.refresh_from_db()
            assert message.status == expected


class TestReceiptsOfTextsToMembers:
    def test_settle_the_step_that_was_in_doubt(self, account, connection):
        waiting = dispatch(account)
        user_id = uuid7()
        begin(
            account_id=account.id,
            step_key=waiting.id,
            channel="sms",
            user_id=user_id,
            connection_id=connection.id,
            now=waiting.created_at,
        )
        give_up(account_id=account.id, step_keys=[waiting.id], now=waiting.created_at)
        pause_as_unknown(waiting)
        text = StaffMessage.objects.get()
        assert tell(connection, text, "delivered").status_code == 204
        text.refresh_from_db()
        assert (text.status, text.provider_message_id) == ("sent", "SM9")
        waiting.execution.refresh_from_db()
        assert waiting.execution.status != "paused"
        assert not WorkflowDispatch.objects.exists()


def pause_as_unknown(waiting):
    WorkflowDispatch.objects.update(status="unknown", lease_id=None, lease_until=None)
    WorkflowExecution.objects.filter(id=waiting.execution_id).update(
        status="paused", pause_reason="outcome_unknown", waiting_log_id=waiting.log_id
    )
