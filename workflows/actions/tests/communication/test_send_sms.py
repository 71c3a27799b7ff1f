"""SMS through Twilio's SDK to the postbox."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from workflows.actions import sms
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import (
    ErrorClass,
    HoldUntil,
    OutcomeUnknown,
    Performed,
    Permanent,
    Request,
    Retryable,
)
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, problems, refusals
from workflows.crm.models import Consent, Event
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Message
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory, MessageFactory

pytestmark = pytest.mark.django_db

KIND = registry.get("send_sms")
SID = "AC" + "0a" * 16
FROM, TO = "+14155550100", "+14155550123"
NOON = datetime(2026, 5, 4, 19, 0, tzinfo=UTC)
"""Noon in Los Angeles, a Monday."""
CONFIG = {"message": "Hello {{ contact.first_name }}", "from_number": FROM, "purpose": "transactional"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(sms, "LOOK_AFTER_SECONDS", (0.0, 0.01))


@pytest.fixture(autouse=True)
def connection(account, settings, postbox, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.PUBLIC_URL = "https://crm.example"
    postbox.address.write(tmp_path)
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    options = {
        "account_sid": SID,
        "api_host": "postbox.test",
        "numbers": [{"number": FROM, "types": ["sms", "voice"]}, {"number": "+14155550109", "types": ["voice"]}],
    }
    return ConnectionFactory(account=account, kind="twilio", settings=options, secret=secret)


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, first_name="Zoë", phone=TO, timezone="America/Los_Angeles")


def steps_of(contacts, *, now=NOON, **changes):
    config = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
    cleaned = KIND.clean_config(config, account_id=contacts[0].account_id)
    steps = batch_of(contacts, KIND.complete_config(cleaned), now=now)
    for step in steps:
        step.key = uuid7()
    return steps


def prepare(contact, **changes):
    (outcome,) = KIND.prepare_many(steps_of([contact], **changes))
    return outcome


def send(contact, **changes):
    """Prepare, perform and record one message; return how it ended and its row."""
    steps = steps_of([contact], **changes)
    (request,) = KIND.prepare_many(steps)
    assert isinstance(request, Request), request
    try:
        outcome = KIND.perform(request.payload, key=steps[0].key)
    except (Retryable, Permanent, OutcomeUnknown) as failure:
        outcome = failure
    is_final = not isinstance(outcome, Retryable)
    KIND.record_many([Performed(steps[0], request.payload, outcome, is_final)], account_id=contact.account_id, now=NOON)
    return outcome, Message.objects.get(id=steps[0].key)


def say(contact, state, channel="sms"):
    change = ConsentChange(contact.id, channel, state, NOON - timedelta(days=1), evidence="Form")
    set_consents(account_id=contact.account_id, changes=[change], now=NOON)


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, []),
            ({"message": ""}, [("blank", "message")]),
            ({"message": "x" * 1600}, []),
            ({"message": "x" * 1601}, [("max_length", "message")]),
            ({"message": "{% if %}"}, [("invalid_template", "message")]),
            ({"from_number": "4155550100"}, [("invalid", "from_number")]),
            ({"from_number": "+14155550199"}, [("number_not_found", "from_number")]),
            ({"from_number": "+14155550109"}, [("number_not_found", "from_number")]),
            ({"media_urls": ["https://a.example/1.png"] * 10}, []),
            ({"media_urls": ["https://a.example/1.png"] * 11}, [("max_length", "media_urls")]),
            ({"media_urls": ["http://a.example/1.png"]}, [("invalid", "media_urls.0")]),
            ({"media_urls": ["https://"]}, [("invalid", "media_urls.0")]),
            ({"append_opt_out": "never"}, []),
            ({"append_opt_out": "never", "purpose": "marketing"}, [("invalid", "append_opt_out")]),
            ({"quiet_hours_start": "25:00"}, [("invalid", "quiet_hours_start")]),
            ({"quiet_hours_start": "09:00"}, [("invalid", "quiet_hours_end")]),
            ({"mesage": "x"}, [("unknown_field", "mesage")]),
        ],
    )
    def test_is_checked(self, account, changes, expected):
        assert refusals("send_sms", {**CONFIG, **changes}, account.id) == expected

    def test_says_that_a_text_is_too_long(self, account):
        (problem,) = problems("send_sms", {**CONFIG, "message": "x" * 1601}, account.id)
        assert problem.detail == "SMS message exceeds 1600 character limit"

    def test_does_not_know_numbers_of_other_accounts(self):
        options = {"numbers": [{"number": FROM, "types": ["sms"]}]}
        other = ConnectionFactory(kind="twilio", settings=options)
        assert refusals("send_sms", CONFIG, other.account_id) == []
        other.delete()
        assert refusals("send_sms", CONFIG, other.account_id) == [("number_not_found", "from_number")]

    def test_has_defaults(self, account):
        cleaned = KIND.clean_config({"message": "x", "from_number": FROM}, account_id=account.id)
        assert KIND.complete_config(cleaned) == {
            "message": "x",
            "from_number": FROM,
            "purpose": "marketing",
            "append_opt_out": "first_message",
            "respect_quiet_hours": True,
            "quiet_hours_start": "21:00",
            "quiet_hours_end": "09:00",
        }

    def test_is_not_ready_without_an_enabled_connection(self, account, connection):
        assert KIND.unready(CONFIG, account_id=account.id) == []
        connection.is_enabled = False
        connection.save()
        assert [problem.code for problem in KIND.unready(CONFIG, account_id=account.id)] == ["number_not_found"]


class TestSending:
    def test_arrives_at_the_phone(self, contact, postbox):
        outcome, message = send(contact, append_opt_out="never", media_urls=["https://a.example/1.png"])
        (entry,) = postbox.messages()
        form = parse_qs(entry["body"])
        assert outcome == Done({"message_id": str(message.id), "sid": entry["key"], "segments": 1, "to": TO})
        assert form == {
            "To": [TO],
            "From": [FROM],
            "Body": ["Hello Zoë"],
            "MediaUrl": ["https://a.example/1.png"],
            "StatusCallback": [f"https://crm.example/hooks/twilio/{message.connection_id}?message={message.id}"],
        }

    def test_is_a_message(self, contact, connection, postbox):
        _, message = send(contact, append_opt_out="never", message="€" * 100)
        assert (message.channel, message.direction, message.status) == ("sms", "outbound", "sent")
        assert (message.sender, message.recipient, message.text) == (FROM, TO, "€" * 100)
        assert (message.segments, message.sent_at, message.purpose) == (2, NOON, "transactional")
        assert (message.connection_id, message.provider_message_id) == (connection.id, postbox.messages()[0]["key"])

    def test_logs_all_but_the_text(self, contact):
        request = prepare(contact)
        assert request.guard_channel == "sms"
        assert (request.data["to"], request.data["segments"]) == (TO, 1)
        assert request.data["gate"]["verdict"] == "allowed"
        assert "Hello" not in str(request.data)
        assert "auth token" not in str(request.payload)

    def test_needs_as_many_queries_for_many(self, account, contact):
        others = [ContactFactory(account=account, phone=f"+1415555{number}") for number in range(2000, 2020)]
        steps_few, steps_many = steps_of([contact], purpose=None), steps_of(others, purpose=None)
        with CaptureQueriesContext(database) as few:
            KIND.prepare_many(steps_few)
        with CaptureQueriesContext(database) as many:
            KIND.prepare_many(steps_many)
        assert len(many) <= len(few)


class TestOptOutText:
    @pytest.mark.parametrize(
        ("choice", "first", "second"), [("first_message", True, False), ("every", True, True), ("never", False, False)]
    )
    def test_is_added_as_chosen(self, contact, choice, first, second):
        for expected in (first, second):
            _, message = send(contact, append_opt_out=choice)
            assert message.text == "Hello Zoë" + ("\nReply STOP to opt out." if expected else "")

    def test_is_added_once_more_after_a_message_that_was_not_sent(self, contact, account):
        MessageFactory(account=account, contact_id=contact.id, channel="sms", sender=FROM, status="failed")
        assert prepare(contact).payload["text"].endswith("Reply STOP to opt out.")

    def test_is_added_again_for_another_number(self, contact, account):
        MessageFactory(account=account, contact_id=contact.id, channel="sms", sender="+14155550111")
        assert prepare(contact).payload["text"].endswith("Reply STOP to opt out.")


class TestGate:
    def test_asks_for_an_opt_in_to_marketing(self, contact):
        refusal = prepare(contact, purpose="marketing")
        assert isinstance(refusal, Skipped)
        assert refusal.reason == "Contact did not opt in to SMS"
        say(contact, "opt_in")
        assert isinstance(prepare(contact, purpose="marketing"), Request)

    @pytest.mark.parametrize("purpose", ["marketing", "transactional"])
    def test_passes_over_who_opted_out(self, contact, purpose):
        say(contact, "opt_out")
        refusal = prepare(contact, purpose=purpose)
        assert isinstance(refusal, Skipped)
        assert refusal.reason == "Contact opted out of SMS"
        assert not Message.objects.exists()

    def test_holds_during_quiet_hours(self, contact):
        night = NOON + timedelta(hours=10)
        held = prepare(contact, now=night)
        assert isinstance(held, HoldUntil)
        assert held.at == NOON + timedelta(hours=21)
        assert isinstance(prepare(contact, now=held.at), Request)

    def test_does_not_hold_where_the_step_says_so_and_the_law_does_not(self, contact):
        night = NOON + timedelta(hours=10)
        assert isinstance(prepare(contact, now=night, respect_quiet_hours=False), Request)
        say(contact, "opt_in")
        held = prepare(contact, now=night, respect_quiet_hours=False, purpose="marketing")
        assert isinstance(held, HoldUntil)

    def test_passes_over_who_has_no_phone(self, account):
        assert prepare(ContactFactory(account=account, phone="")) == Skipped("Contact has no phone number")


class TestUnsendable:
    def test_text_is_too_long_once_rendered(self, contact):
        contact.custom_fields = {"long": "x" * 1590}
        contact.save()
        template = "{{ contact.custom_fields.long }}"
        failed = prepare(contact, message=template, append_opt_out="every")
        assert (failed.error_class, failed.message) == (
            "rejected",
            "SMS message exceeds 1600 character limit with “Reply STOP to opt out.”",
        )
        failed = prepare(contact, message=template + "x" * 11, append_opt_out="every")
        assert (failed.error_class, failed.message) == ("rejected", "SMS message exceeds 1600 character limit")

    def test_text_is_empty_once_rendered(self, contact):
        failed = prepare(
            contact, message="{{ contact.last_name }}" + "{% if false %}x{% endif %}", append_opt_out="every"
        )
        contact.last_name = ""
        contact.save()
        failed = prepare(contact, message="{{ contact.last_name }}")
        assert (failed.error_class, failed.message) == ("rejected", "The message is empty.")

    def test_number_is_gone(self, contact, connection):
        steps = steps_of([contact])
        connection.delete()
        (failed,) = KIND.prepare_many(steps)
        assert isinstance(failed, Failed)
        assert (failed.error_class, failed.result) == ("invalid_config", {"code": "number_not_found"})


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code", "kind", "error_class"),
        [
            (400, 21211, Permanent, "rejected"),
            (400, 21606, Permanent, "invalid_config"),
            (401, 20003, Permanent, "authentication"),
            (429, 20429, Retryable, "rate_limited"),
            (503, 20503, Retryable, "unavailable"),
        ],
    )
    def test_have_their_class(self, contact, postbox, status, code, kind, error_class):
        body = f'{{"code": {code}, "message": "No", "status": {status}}}'
        postbox.add_rule("status", protocol="sms", method="POST", status=status, body=body, retry_after="7")
        outcome, message = send(contact)
        assert (type(outcome), outcome.error_class, outcome.result) == (kind, error_class, {"provider_code": code})
        assert message.status == ("queued" if kind is Retryable else "failed")
        assert str(code) in message.error_message
        if kind is Retryable:
            assert outcome.retry_after == timedelta(seconds=7)

    def test_of_a_number_that_opted_out_there_suppress_and_skip(self, contact, postbox):
        body = '{"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}'
        postbox.add_rule("status", protocol="sms", status=400, body=body)
        outcome, message = send(contact)
        assert outcome == Skipped("Contact opted out of SMS", {"provider_code": 21610})
        assert (message.status, message.error_message) == ("failed", "Contact opted out of SMS")
        consent = Consent.objects.get(contact=contact)
        assert (consent.channel, consent.state, consent.recorded_at) == ("sms", "opt_out", NOON)
        assert Event.objects.filter(contact_id=contact.id, event_type="unsubscribed").count() == 1
        assert isinstance(prepare(contact), Skipped)


class TestLostAnswers:
    def test_are_looked_up(self, contact, postbox):
        postbox.add_rule("drop_reply", protocol="sms", method="POST", times=1)
        outcome, message = send(contact)
        (entry,) = postbox.messages(method="POST")
        assert (outcome.result["sid"], message.status) == (entry["key"], "sent")
        assert message.provider_message_id == entry["key"]

    def test_of_a_server_in_trouble_are_looked_up(self, contact, postbox):
        postbox.add_rule("accept", protocol="sms", method="POST", status=500, times=1)
        outcome, message = send(contact)
        assert (isinstance(outcome, Done), message.status) == (True, "sent")

    def test_stay_unknown_when_nothing_is_found(self, contact, postbox):
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        outcome, message = send(contact)
        assert isinstance(outcome, OutcomeUnknown)
        assert outcome.error_class is ErrorClass.OUTCOME_UNKNOWN
        assert (message.status, message.provider_message_id) == ("queued", "")
        assert postbox.counts(protocol="sms", method="POST", outcome="new")["total"] == 0

    def test_stay_unknown_when_the_list_cannot_be_had(self, contact, postbox):
        postbox.add_rule("drop_reply", protocol="sms", method="POST", times=1)
        postbox.add_rule("status", protocol="sms", method="GET", status=500)
        outcome, _ = send(contact)
        assert isinstance(outcome, OutcomeUnknown)

    def test_stay_unknown_when_two_messages_say_the_same(self, contact, postbox, account, connection):
        MessageFactory(
            account=account,
            contact_id=contact.id,
            channel="sms",
            status="queued",
            sender=FROM,
            recipient=TO,
            text="Hello Zoë",
            provider_message_id="",
        )
        postbox.add_rule("drop_reply", protocol="sms", method="POST", times=1)
        outcome, _ = send(contact, append_opt_out="never")
        assert isinstance(outcome, OutcomeUnknown)

    def test_are_not_taken_for_a_message_that_is_known(self, contact, postbox):
        send(contact, append_opt_out="never")
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        outcome, _ = send(contact, append_opt_out="never")
        assert isinstance(outcome, OutcomeUnknown)

    def test_are_known_by_a_receipt(self, contact, postbox):
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        steps = steps_of([contact])
        (request,) = KIND.prepare_many(steps)
        Message.objects.update(provider_message_id="SM1")
        done = KIND.perform(request.payload, key=steps[0].key)
        assert done.result["sid"] == "SM1"
