"""Voicemails as they are prepared, gated and placed; what becomes of them is in the engine's `test_calls.py`."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.core.files.base import ContentFile
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from workflows.actions import calls
from workflows.actions.outcomes import AwaitCallback, Skipped
from workflows.actions.outside import (
    ErrorClass,
    HoldUntil,
    OutcomeUnknown,
    Performed,
    Permanent,
    Request,
    Retryable,
    RetryPolicy,
)
from workflows.actions.registry import registry
from workflows.actions.tests.batches import problems, refusals
from workflows.actions.tests.communication.calling import FROM, NOON, TEXT_ONLY, TO, connect, say, steps_of
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Call, Message
from workflows.messaging.tests.factories import CallFactory, MediaFactory, MessageFactory
from workflows.messaging.tests.sounds import mp3, wave

pytestmark = pytest.mark.django_db

KIND = registry.get("send_voicemail")


@pytest.fixture(autouse=True)
def connection(account, settings, postbox, tmp_path, monkeypatch):
    monkeypatch.setattr(calls, "LOOK_AFTER_SECONDS", (0.0, 0.01))
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, "https://crm.example"
    postbox.address.write(tmp_path)
    return connect(account)


@pytest.fixture
def media(account):
    return MediaFactory(account=account, is_sound=True)


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, phone=TO, timezone="America/Los_Angeles")


@pytest.fixture
def config(media):
    return {"audio_file_id": str(media.id), "from_number": FROM, "purpose": "transactional"}


def prepare(contact, config, **options):
    (outcome,) = KIND.prepare_many(steps_of(KIND, [contact], config, **options))
    return outcome


def dial(contact, config):
    """Prepare, perform and record one call; return how it ended and its row."""
    steps = steps_of(KIND, [contact], config)
    (request,) = KIND.prepare_many(steps)
    assert isinstance(request, Request), request
    try:
        outcome = KIND.perform(request.payload, key=steps[0].key)
    except (Retryable, Permanent, OutcomeUnknown) as failure:
        outcome = failure
    is_final = not isinstance(outcome, Retryable)
    KIND.record_many([Performed(steps[0], request.payload, outcome, is_final)], account_id=contact.account_id, now=NOON)
    return outcome, Message.objects.get(id=steps[0].key)


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, []),
            ({"audio_file_id": "x"}, [("invalid", "audio_file_id")]),
            ({"audio_file_id": "0198c0de-0000-7000-8000-0000000000ff"}, [("media_not_found", "audio_file_id")]),
            ({"from_number": "+14155550199"}, [("number_not_found", "from_number")]),
            ({"from_number": TEXT_ONLY}, [("number_not_found", "from_number")]),
            ({"amd": {}}, []),
            ({"amd": {"mode": "enable"}}, [("invalid_choice", "amd.mode")]),
            ({"amd": {"timeout_seconds": 2}}, [("min_value", "amd.timeout_seconds")]),
            ({"amd": {"timeout_seconds": 3, "silence_timeout_ms": 10000}}, []),
            ({"amd": {"timeout_seconds": 59}}, []),
            ({"amd": {"timeout_seconds": 60}}, [("max_value", "amd.timeout_seconds")]),
            ({"amd": {"speech_threshold_ms": 999}}, [("min_value", "amd.speech_threshold_ms")]),
            ({"amd": {"speech_end_threshold_ms": 5001}}, [("max_value", "amd.speech_end_threshold_ms")]),
            ({"amd": {"silence": 1}}, [("unknown_field", "amd.silence")]),
            ({"on_human": "sing"}, [("invalid_choice", "on_human")]),
            ({"max_retries": 5}, []),
            ({"max_retries": 6}, [("max_value", "max_retries")]),
            ({"audio": "x"}, [("unknown_field", "audio")]),
        ],
    )
    def test_is_checked(self, account, config, changes, expected):
        assert refusals("send_voicemail", config | changes, account.id) == expected

    @pytest.mark.parametrize(
        ("name", "content", "expected"),
        [
            ("a.wav", wave(1), []),
            ("a.mp3", mp3(10), []),
            ("a.pdf", b"%PDF-1.7\n", [("invalid_audio", "audio_file_id")]),
            ("a.wav", b"%PDF-1.7\n", [("invalid_audio", "audio_file_id")]),
            ("a.wav", wave(301), [("invalid_audio", "audio_file_id")]),
        ],
        ids=["wav", "mp3", "pdf", "pdf that says wav", "too long"],
    )
    def test_looks_into_the_file(self, account, config, name, content, expected):
        media = MediaFactory(account=account, name=name, file=ContentFile(content, name=name), size=len(content))
        assert refusals("send_voicemail", config | {"audio_file_id": str(media.id)}, account.id) == expected

    def test_says_what_to_do_about_a_large_file(self, account, config, media):
        media.size = 5 * 1024 * 1024 + 1
        media.save()
        (problem,) = problems("send_voicemail", config, account.id)
        assert (problem.code, problem.attr) == ("invalid_audio", "audio_file_id")
        assert problem.detail == "The file has more than 5 MB; upload a shorter or smaller one."

    def test_knows_no_files_and_numbers_of_other_accounts(self, config, contact):
        other = ContactFactory().account_id
        assert refusals("send_voicemail", config, other) == [
            ("media_not_found", "audio_file_id"),
            ("number_not_found", "from_number"),
        ]

    def test_has_defaults(self, account, config):
        del config["purpose"]
        assert KIND.complete_config(KIND.clean_config(config, account_id=account.id)) == config | {
            "purpose": "marketing",
            "machine_detection": True,
            "amd": {
                "mode": "detect_message_end",
                "timeout_seconds": 30,
                "speech_threshold_ms": 2400,
                "speech_end_threshold_ms": 1200,
                "silence_timeout_ms": 5000,
            },
            "on_human": "hang_up",
            "retry_on_busy": False,
            "max_retries": 1,
            "respect_quiet_hours": True,
        }

    def test_is_not_ready_without_an_enabled_connection(self, account, config, connection):
        assert KIND.unready(config, account_id=account.id) == []
        connection.is_enabled = False
        connection.save()
        (problem,) = KIND.unready(config, account_id=account.id)
        assert (problem.code, problem.attr) == ("number_not_found", "from_number")
        assert problem.detail == (
            "No connection of this account makes calls from this number; add it at /connections, or enable its "
            "connection."
        )

    def test_refers_to_its_file(self, config, media):
        assert KIND.references(config) == [("media", media.id, "audio_file_id")]


class TestPlacing:
    def test_asks_twilio_for_what_was_chosen(self, contact, config, postbox):
        amd = {"timeout_seconds": 40, "speech_threshold_ms": 3000}
        outcome, message = dial(contact, config | {"amd": amd})
        (entry,) = postbox.calls(method="POST")
        base = f"https://crm.example/hooks/twilio/{message.connection_id}/calls"
        query = f"message={message.id}&attempt=0"
        assert parse_qs(entry["body"]) == {
            "To": [TO],
            "From": [FROM],
            "Url": [f"{base}/answer?{query}"],
            "StatusCallback": [f"{base}/status?{query}"],
            "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
            "Timeout": ["60"],
            "TimeLimit": ["420"],
            "MachineDetection": ["DetectMessageEnd"],
            "MachineDetectionTimeout": ["40"],
            "MachineDetectionSpeechThreshold": ["3000"],
            "MachineDetectionSpeechEndThreshold": ["1200"],
            "MachineDetectionSilenceTimeout": ["5000"],
        }
        assert isinstance(outcome, AwaitCallback)
        assert outcome.timeout == timedelta(seconds=60 + 120 + 300, minutes=5)
        assert outcome.result == {"message_id": str(message.id), "call_sid": entry["key"], "to": TO}

    def test_does_not_look_for_machines_where_it_shall_not(self, contact, config, postbox):
        dial(contact, config | {"machine_detection": False})
        assert "MachineDetection" not in postbox.calls(method="POST")[0]["body"]

    def test_is_a_message_with_a_call(self, contact, config, connection, postbox):
        _, message = dial(contact, config)
        assert (message.channel, message.direction, message.status) == ("voice", "outbound", "sent")
        assert (message.sender, message.recipient, message.text) == (FROM, TO, "hello.wav")
        assert (message.connection_id, message.purpose) == (connection.id, "transactional")
        assert message.provider_message_id == postbox.calls(method="POST")[0]["key"]
        assert (message.call.id, message.call.status, message.call.attempt) == (message.id, "queued", 0)

    def test_begins_afresh_with_each_attempt_and_keeps_what_is_told_of_this_one(self, contact, config):
        steps = steps_of(KIND, [contact], config)
        for attempt, status, expected in ((0, "queued", "queued"), (1, "busy", "queued"), (1, "ringing", "ringing")):
            Call.objects.update(status=status, outcome="busy" if status == "busy" else "")
            steps[0].attempt = attempt
            KIND.prepare_many(steps)
            call = Call.objects.get()
            assert (call.attempt, call.status, call.outcome) == (attempt, expected, "")

    def test_needs_as_many_queries_for_many(self, account, contact, config):
        others = [ContactFactory(account=account, phone=f"+1415555{number}") for number in range(2000, 2020)]
        few_steps, many_steps = steps_of(KIND, [contact], config), steps_of(KIND, others, config)
        with CaptureQueriesContext(database) as few:
            KIND.prepare_many(few_steps)
        with CaptureQueriesContext(database) as many:
            KIND.prepare_many(many_steps)
        assert len(many) <= len(few)


class TestGate:
    def test_asks_for_an_opt_in_to_marketing(self, contact, config):
        refusal = prepare(contact, config | {"purpose": "marketing"})
        assert isinstance(refusal, Skipped)
        assert refusal.reason == "Contact did not opt in to voice calls"
        assert not Message.objects.exists()
        say(contact, "opt_in")
        assert isinstance(prepare(contact, config | {"purpose": "marketing"}), Request)

    def test_passes_over_who_opted_out(self, contact, config):
        say(contact, "opt_out")
        assert prepare(contact, config).reason == "Contact opted out of voice calls"

    def test_passes_over_who_has_no_phone(self, account, config):
        assert prepare(ContactFactory(account=account, phone=""), config) == Skipped("Contact has no phone number")

    def test_holds_by_night(self, contact, config):
        night = NOON + timedelta(hours=10)
        held = prepare(contact, config, now=night)
        assert isinstance(held, HoldUntil)
        assert held.at == NOON + timedelta(hours=21)
        assert isinstance(prepare(contact, config | {"respect_quiet_hours": False}, now=night), Request)

    def test_holds_marketing_by_the_law_whatever_the_step_says(self, contact, config):
        say(contact, "opt_in")
        marketing = config | {"purpose": "marketing", "respect_quiet_hours": False}
        held = prepare(contact, marketing, now=NOON + timedelta(hours=10))
        assert isinstance(held, HoldUntil)
        request = prepare(contact, marketing)
        assert (request.guard_channel, request.guard_until) == ("voice", NOON + timedelta(hours=9))

    def test_tells_the_log_all_but_the_token(self, contact, config):
        request = prepare(contact, config)
        assert (request.data["to"], request.data["audio_file"]) == (TO, "hello.wav")
        assert request.data["gate"]["verdict"] == "allowed"
        assert "auth token" not in str(request.payload)


class TestUnplaceable:
    def test_file_is_gone(self, contact, config, media):
        steps = steps_of(KIND, [contact], config)
        media.delete()
        (failed,) = KIND.prepare_many(steps)
        assert (failed.error_class, failed.result) == ("invalid_config", {"code": "media_not_found"})

    def test_number_is_gone(self, contact, config, connection):
        steps = steps_of(KIND, [contact], config)
        connection.delete()
        (failed,) = KIND.prepare_many(steps)
        assert (failed.error_class, failed.result) == ("invalid_config", {"code": "number_not_found"})


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code", "kind", "error_class"),
        [
            (400, 21211, Permanent, "rejected"),
            (400, 21215, Permanent, "rejected"),
            (400, 21210, Permanent, "invalid_config"),
            (401, 20003, Permanent, "authentication"),
            (429, 10004, Retryable, "rate_limited"),
            (503, 20503, Retryable, "unavailable"),
        ],
    )
    def test_have_their_class(self, contact, config, postbox, status, code, kind, error_class):
        body = f'{{"code": {code}, "message": "No", "status": {status}}}'
        postbox.add_rule("status", protocol="voice", method="POST", status=status, body=body)
        outcome, message = dial(contact, config)
        assert (type(outcome), outcome.error_class, outcome.result) == (kind, error_class, {"provider_code": code})
        assert message.status == ("queued" if kind is Retryable else "failed")
        assert str(code) in message.error_message

    def test_are_tried_again_as_often_as_the_step_says(self, config):
        complete = KIND.complete_config(config | {"max_retries": 3})
        assert KIND.retry_policy(complete, ErrorClass.UNAVAILABLE) == RetryPolicy(maximum=3)
        assert KIND.retry_policy(complete, ErrorClass.RATE_LIMITED) is None


class TestLostAnswers:
    def test_are_looked_up(self, contact, config, postbox):
        postbox.add_rule("drop_reply", protocol="voice", method="POST", times=1)
        outcome, message = dial(contact, config)
        (entry,) = postbox.calls(method="POST")
        assert (outcome.result["call_sid"], message.provider_message_id) == (entry["key"], entry["key"])

    def test_of_a_server_in_trouble_are_looked_up(self, contact, config, postbox):
        postbox.add_rule("accept", protocol="voice", method="POST", status=500, times=1)
        assert isinstance(dial(contact, config)[0], AwaitCallback)

    def test_stay_unknown_when_nothing_is_found(self, contact, config, postbox):
        postbox.add_rule("reset", protocol="voice", method="POST", times=1)
        outcome, message = dial(contact, config)
        assert isinstance(outcome, OutcomeUnknown)
        assert (message.status, message.provider_message_id) == ("queued", "")

    def test_stay_unknown_when_another_call_is_in_doubt(self, account, contact, config, postbox):
        MessageFactory(
            account=account,
            contact_id=contact.id,
            channel="voice",
            status="queued",
            sender=FROM,
            recipient=TO,
            provider_message_id="",
        )
        postbox.add_rule("drop_reply", protocol="voice", method="POST", times=1)
        assert isinstance(dial(contact, config)[0], OutcomeUnknown)

    def test_are_not_taken_for_a_call_that_is_known(self, contact, config, postbox):
        dial(contact, config)
        postbox.add_rule("reset", protocol="voice", method="POST", times=1)
        assert isinstance(dial(contact, config)[0], OutcomeUnknown)

    def test_are_known_by_a_callback(self, contact, config, postbox):
        postbox.add_rule("reset", protocol="voice", method="POST", times=1)
        steps = steps_of(KIND, [contact], config)
        (request,) = KIND.prepare_many(steps)
        Message.objects.update(provider_message_id="CA1")
        assert KIND.perform(request.payload, key=steps[0].key).result["call_sid"] == "CA1"


def test_results_so_far_are_those_of_the_account(account):
    call, other = CallFactory(account=account), CallFactory()
    CallFactory(account=account, outcome="")
    keys = list(Call.objects.values_list("message_id", flat=True))
    assert KIND.results_so_far(keys, account_id=account.id).keys() == {call.message_id}
    assert KIND.results_so_far(keys, account_id=other.account_id).keys() == {other.message_id}
