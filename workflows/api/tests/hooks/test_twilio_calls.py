"""What Twilio asks and tells of calls, signed by its own SDK."""

from urllib.parse import urlencode
from uuid import uuid5

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from workflows.crm.models import Contact, Event
from workflows.crm.tests.factories import ContactFactory
from workflows.engine import clock
from workflows.messaging.models import Call, Message
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import CallFactory, ConnectionFactory, MediaFactory, MessageFactory

pytestmark = pytest.mark.django_db
OURS, THEIRS = "+14155550100", "+14155550123"
HOST = "https://crm.example"
QUESTIONS = ("answer", "destination", "dial", "queue", "recording", "status", "whisper")


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.PUBLIC_URL = HOST


@pytest.fixture
def connection(account):
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    settings = {"account_sid": "AC" + "0a" * 16, "numbers": [{"number": OURS, "types": ["voice"]}]}
    return ConnectionFactory(account=account, kind="twilio", settings=settings, secret=secret)


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, phone=THEIRS)


@pytest.fixture
def placed(account, contact, connection):
    """A voicemail that is about to be told of."""
    media = MediaFactory(account=account, is_sound=True)
    message = MessageFactory(
        account=account,
        contact_id=contact.id,
        connection_id=connection.id,
        channel="voice",
        status="sent",
        sender=OURS,
        recipient=THEIRS,
        provider_message_id="CA9",
        execution_id=uuid7(),
        action_execution_id=uuid7(),
    )
    return CallFactory(
        account=account,
        message=message,
        script={"does": "voicemail", "media_id": str(media.id), "plays_to_people": False, "repeats_busy": False},
        status="queued",
        outcome="",
        answered_by="",
        did="",
        duration_seconds=None,
    )


def connecting(call, destination_type="external", destination="+12125550123", whisper="Hello"):
    call.script = {
        "does": "connect",
        "destination_type": destination_type,
        "destination": destination,
        "whisper": whisper,
        "ring_seconds": 30,
        "most_seconds": 600,
    }
    call.save()


def post(path, form, *, token="auth token", signature=None):
    signature = RequestValidator(token).compute_signature(HOST + path, form) if signature is None else signature
    kind = "application/x-www-form-urlencoded"
    return Client().post(path, urlencode(form), content_type=kind, headers={"X-Twilio-Signature": signature})


def ask(call, about, *, attempt=0, sid="CA9", token="auth token", signature=None, **form):
    path = f"/hooks/twilio/{call.message.connection_id}/calls/{about}?message={call.message_id}&attempt={attempt}"
    return post(path, {"CallSid": sid, **form}, token=token, signature=signature)


def states(call):
    call.refresh_from_db()
    call.message.refresh_from_db()
    return call.status, call.outcome, call.message.status


class TestSignatures:
    @pytest.mark.parametrize("about", QUESTIONS)
    def test_that_are_forged_are_refused_and_change_nothing(self, placed, about):
        before = Call.objects.values().get()
        form = {"CallStatus": "completed", "AnsweredBy": "fax", "DialCallStatus": "busy", "RecordingSid": "RE1"}
        for wrong in ({"token": "other"}, {"signature": ""}, {"signature": "forged"}):
            assert ask(placed, about, **wrong, **form).status_code == 403
        assert Call.objects.values().get() == before
        assert not Event.objects.exists()

    def test_of_connections_that_are_not_there_look_the_same(self, account, placed):
        for unknown in (uuid7(), ConnectionFactory(account=account).id):
            answer = post(f"/hooks/twilio/{unknown}/calls/status?message={placed.message_id}&attempt=0", {})
            assert (answer.status_code, answer.content) == (403, b"")

    def test_are_asked_for_what_there_is_by_post_alone(self, placed, connection):
        assert Client().get(f"/hooks/twilio/{connection.id}/calls/status").status_code == 405
        assert ask(placed, "nonsense").status_code == 404

    @pytest.mark.parametrize(
        "query", ["", "?message=x&attempt=0", "?attempt=0", "?message={id}", "?message={id}&attempt=x"]
    )
    def test_say_nothing_of_calls_that_are_not_meant(self, placed, connection, query):
        path = f"/hooks/twilio/{connection.id}/calls/status{query.format(id=placed.message_id)}"
        assert post(path, {"CallSid": "CA9", "CallStatus": "busy"}).status_code == 200
        assert states(placed)[1] == ""

    @pytest.mark.parametrize("changes", [{"sid": "CA8"}, {"attempt": 1}, {"attempt": 10**9}])
    def test_of_another_call_or_attempt_change_nothing(self, placed, changes):
        assert ask(placed, "status", CallStatus="busy", **changes).status_code == 200
        assert states(placed) == ("queued", "", "sent")

    def test_do_not_reach_calls_of_another_account(self, connection):
        message = MessageFactory(channel="voice", connection_id=connection.id, provider_message_id="CA9")
        other = CallFactory(account=message.account, message=message, status="queued", outcome="")
        ask(other, "status", CallStatus="busy")
        assert states(other)[1] == ""

    def test_survive_what_cannot_be_stored(self, placed):
        hostile = {"CallStatus": "\x00", "CallDuration": "9" * 400, "AnsweredBy": "x" * 500, "ErrorCode": "é"}
        for about in QUESTIONS:
            assert ask(placed, about, RecordingUrl="x" * 9000, RecordingDuration="-1", **hostile).status_code == 200


class TestAnswer:
    @pytest.mark.parametrize(
        ("answered_by", "plays_to_people", "plays"),
        [
            ("machine_end_beep", False, True),
            ("machine_end_other", False, True),
            ("human", False, False),
            ("human", True, True),
            ("unknown", True, True),
            ("fax", True, False),
            ("", False, True),
            ("nonsense", True, True),
        ],
    )
    def test_plays_to_whom_it_shall(self, placed, answered_by, plays_to_people, plays):
        placed.script["plays_to_people"] = plays_to_people
        placed.save()
        told = {"AnsweredBy": answered_by} if answered_by else {}
        first = ask(placed, "answer", **told)
        assert (b"<Play>https://crm.example/t/a/" in first.content) == plays
        assert (b"<Hangup" in first.content) != plays
        assert first["Content-Type"] == "text/xml"
        again = ask(placed, "answer", AnsweredBy="fax")
        assert again.content == first.content, "what was said once stays"

    def test_connects_with_a_number_and_says_where_to_tell_of_it(self, placed):
        connecting(placed)
        text = ask(placed, "answer").content.decode()
        base = f"https://crm.example/hooks/twilio/{placed.message.connection_id}/calls"
        query = f"message={placed.message_id}&amp;attempt=0"
        assert text.endswith(
            f'<Response><Dial action="{base}/dial?{query}" callerId="{OURS}" timeLimit="600" timeout="30">'
            f'<Number statusCallback="{base}/destination?{query}" statusCallbackEvent="answered completed" '
            f'url="{base}/whisper?{query}">+12125550123</Number></Dial></Response>'
        )

    def test_connects_without_a_whisper(self, placed):
        connecting(placed, whisper="")
        assert b"url=" not in ask(placed, "answer").content

    def test_leads_to_queues_and_menus(self, placed):
        connecting(placed, "queue", "A & <B>")
        assert b"A &amp; &lt;B&gt;</Enqueue>" in ask(placed, "answer").content
        connecting(placed, "ivr", "https://ivr.example/?a=1&b=2")
        assert b'<Redirect method="POST">https://ivr.example/?a=1&amp;b=2</Redirect>' in ask(placed, "answer").content

    @pytest.mark.parametrize("answered_by", ["machine_start", "fax"])
    def test_hangs_up_on_machines(self, placed, answered_by):
        connecting(placed)
        assert b"<Hangup" in ask(placed, "answer", AnsweredBy=answered_by).content
        ask(placed, "status", CallStatus="completed", CallDuration="3")
        assert states(placed)[1] == "machine"

    def test_whispers_what_was_rendered(self, placed):
        connecting(placed, whisper="Zoë & <co>")
        whispered = ask(placed, "whisper", sid="CA10", ParentCallSid="CA9")
        assert "<Say>Zoë &amp; &lt;co&gt;</Say>" in whispered.content.decode()


class TestProgress:
    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (["initiated"], ("initiated", "", "sent")),
            (["ringing", "initiated"], ("ringing", "", "sent")),
            (["in-progress", "ringing"], ("in-progress", "", "delivered")),
            (["completed", "ringing", "busy"], ("completed", "not_played", "delivered")),
            (["busy", "completed", "ringing"], ("busy", "busy", "failed")),
            (["no-answer"], ("no-answer", "no_answer", "failed")),
            (["canceled"], ("canceled", "canceled", "failed")),
            (["failed"], ("failed", "failed", "failed")),
            (["nonsense", ""], ("queued", "", "sent")),
        ],
    )
    def test_never_leads_back(self, placed, told, expected):
        for status in told:
            ask(placed, "status", CallStatus=status, CallDuration="12")
        assert states(placed) == expected

    def test_is_an_event_beside_the_step_that_called(self, placed):
        for _ in range(3):
            ask(placed, "status", CallStatus="busy", CallDuration="0")
        event = Event.objects.get()
        message = placed.message
        assert (event.event_type, event.contact_id, event.source) == ("call_completed", message.contact_id, "twilio")
        assert (event.caused_by_id, event.event_id) == (message.action_execution_id, "CA9/ended")
        assert event.data == {
            "message_id": str(message.id),
            "call_sid": "CA9",
            "direction": "outbound",
            "outcome": "busy",
            "answered_by": "",
            "duration_seconds": 0,
            "from": OURS,
            "to": THEIRS,
            "related_message_id": None,
        }

    def test_says_why_a_call_could_not_be_placed(self, placed):
        ask(placed, "status", CallStatus="failed", ErrorCode="13224")
        placed.message.refresh_from_db()
        assert placed.message.error_message == "Twilio could not place the call (error 13224)."

    def test_of_a_deleted_contact_is_kept_without_an_event(self, placed, contact):
        Contact.objects.update(deleted_at=clock.now())
        ask(placed, "status", CallStatus="busy")
        assert states(placed) == ("busy", "busy", "failed")
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        ("told", "outcome"),
        [
            ([("status", {"CallStatus": "completed"})], "not_connected"),
            ([("answer", {}), ("status", {"CallStatus": "completed"})], ""),
            (
                [("answer", {}), ("status", {"CallStatus": "completed"}), ("dial", {"DialCallStatus": "completed"})],
                "connected",
            ),
            (
                [("answer", {}), ("dial", {"DialCallStatus": "busy"}), ("status", {"CallStatus": "completed"})],
                "destination_busy",
            ),
            ([("answer", {}), ("dial", {"DialCallStatus": "no-answer"})], ""),
            (
                [("answer", {}), ("status", {"CallStatus": "completed"}), ("dial", {"DialCallStatus": "canceled"})],
                "not_connected",
            ),
            (
                [
                    ("answer", {}),
                    ("status", {"CallStatus": "completed"}),
                    ("destination", {"CallStatus": "in-progress"}),
                ],
                "connected",
            ),
            (
                [("answer", {}), ("status", {"CallStatus": "completed"}), ("queue", {"QueueResult": "bridged"})],
                "connected",
            ),
            (
                [("answer", {}), ("queue", {"QueueResult": "hangup"}), ("status", {"CallStatus": "completed"})],
                "not_connected",
            ),
            (
                [("answer", {}), ("queue", {"QueueResult": "queue-full"}), ("status", {"CallStatus": "completed"})],
                "destination_busy",
            ),
            (
                [("answer", {}), ("queue", {"QueueResult": "error"}), ("status", {"CallStatus": "completed"})],
                "destination_failed",
            ),
        ],
    )
    def test_of_a_connection_is_over_when_both_sides_are_told_of(self, placed, told, outcome):
        connecting(placed)
        for about, form in told:
            ask(placed, about, **form)
        assert states(placed)[1] == outcome

    def test_is_over_once(self, placed):
        connecting(placed)
        for about, form in [
            ("answer", {}),
            ("status", {"CallStatus": "completed"}),
            ("destination", {"CallStatus": "in-progress"}),
            ("dial", {"DialCallStatus": "busy"}),
        ]:
            ask(placed, about, **form)
        assert states(placed) == ("completed", "connected", "delivered")

    def test_keeps_a_recording_that_comes_after_the_end(self, placed):
        ask(placed, "status", CallStatus="completed", CallDuration="9")
        url = "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1"
        ask(placed, "recording", RecordingSid="RE1", RecordingUrl=url, RecordingDuration="8")
        placed.refresh_from_db()
        assert (placed.recording_sid, placed.recording_url, placed.recording_seconds) == ("RE1", url, 8)
        assert (placed.outcome, placed.duration_seconds) == ("not_played", 9)


class TestIncoming:
    def ring(self, connection, sid="CA1", **changes):
        form = {"CallSid": sid, "CallStatus": "ringing", "Direction": "inbound", "From": THEIRS, "To": OURS, **changes}
        return post(f"/hooks/twilio/{connection.id}", form)

    def test_is_greeted_and_kept_once(self, account, connection, contact, placed):
        for _ in range(3):
            answer = self.ring(connection)
            assert answer.status_code == 200
            assert f"This is {account.name}." in answer.content.decode()
        message = Message.objects.get(direction="inbound")
        assert message.id == uuid5(connection.id, "CA1")
        assert (message.channel, message.contact_id, message.sender) == ("voice", contact.id, THEIRS)
        assert (message.call.status, message.call.outcome) == ("completed", "answered")
        event = Event.objects.get()
        assert (event.event_type, event.data["direction"], event.data["outcome"]) == (
            "call_completed",
            "inbound",
            "answered",
        )
        assert event.data["related_message_id"] == str(placed.message_id)
        assert event.caused_by_id is None

    def test_of_nobody_known_is_greeted_alone(self, connection):
        ContactFactory(phone=THEIRS)
        assert self.ring(connection).status_code == 200
        assert not Message.objects.exists()
        assert not Event.objects.exists()

    def test_greeting_is_escaped(self, account, connection):
        account.name = "A & <B>"
        account.save()
        assert b"A &amp; &lt;B&gt;" in self.ring(connection).content
