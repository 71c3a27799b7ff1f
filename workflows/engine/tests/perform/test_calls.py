"""A call's whole way: from the workflow through the gate, the lane and Twilio to its TwiML and its end."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.actors import SYSTEM
from accounts.tests.factories import MembershipFactory
from workflows.actions import calls
from workflows.crm.models import Event
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.messaging.models import Call, Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory, MediaFactory
from workflows.messaging.tests.relay import Relay, relayed
from workflows.models import ActionExecution, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

FROM = "+14155550100"
PHONE = "+1415555{:04}"
RESULTS = [
    (1, "human", "not_played"),
    (2, "machine_end_beep", "voicemail_left"),
    (3, "machine_end_silence", "voicemail_left"),
    (4, "machine_end_other", "voicemail_left"),
    (5, "fax", "not_played"),
    (6, "unknown", "not_played"),
    (7, None, "busy"),
    (8, None, "no_answer"),
]
"""By the last digits of the phone: who answers, and what comes of it."""


@pytest.fixture
def relay(account: Any, settings: Any, postbox: PostboxClient, tmp_path: Any, monkeypatch: Any) -> Iterator[Relay]:
    monkeypatch.setattr(calls, "LOOK_AFTER_SECONDS", (0.0,))
    settings.DATA_DIR = tmp_path
    postbox.address.write(tmp_path)
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    options = {
        "account_sid": "AC" + "0a" * 16,
        "api_host": "postbox.test",
        "numbers": [{"number": FROM, "types": ["voice"]}],
    }
    ConnectionFactory(account=account, kind="twilio", settings=options, secret=secret)
    with relayed() as opened:
        settings.PUBLIC_URL = opened.url
        yield opened


@pytest.fixture
def media(account: Any) -> Any:
    return MediaFactory(account=account, is_sound=True)


def voicemail(media: Any, **changes: Any) -> list[tuple[str, dict[str, Any]]]:
    config = {
        "audio_file_id": str(media.id),
        "from_number": FROM,
        "purpose": "transactional",
        "respect_quiet_hours": False,
    }
    return [("send_voicemail", config | changes), ("add_tag", {"tag_name": "Called"})]


def call(destination_type: str, value: str, **changes: Any) -> list[tuple[str, dict[str, Any]]]:
    config = {
        "from_number": FROM,
        "purpose": "transactional",
        "destination_type": destination_type,
        "destination_value": value,
    }
    return [("make_call", config | changes), ("add_tag", {"tag_name": "Called"})]


def begun(account: Any, clock: Any, chain: Any, phone: str) -> WorkflowExecution:
    """Enroll a contact and let its call be placed."""
    execution = enrolled(ActiveWorkflowFactory(account=account, chain=chain), clock, phone=phone)
    advance_all()
    perform_due("voice")
    return execution


def ended(relay: Relay, execution: WorkflowExecution) -> ActionExecution:
    """Answer what Twilio asks until the call's step is over, let the contact go on, and return the step's row."""
    row = ActionExecution.objects.get(workflow_execution=execution, action_type__in=["send_voicemail", "make_call"])

    def is_over() -> bool:
        row.refresh_from_db()
        return row.status not in ("pending", "running", "waiting")

    relay.until(is_over)
    advance_all()
    return row


class TestAVoicemail:
    @pytest.mark.parametrize(("digits", "answered_by", "outcome"), RESULTS)
    def test_ends_as_the_phone_is_answered(
        self, account, media, relay, postbox, virtual_clock, digits, answered_by, outcome
    ) -> None:
        execution = begun(account, virtual_clock, voicemail(media), PHONE.format(digits))
        row = ended(relay, execution)

        sid = postbox.calls(method="POST")[0]["key"]
        message = Message.objects.get()
        result = {name: value for name, value in row.result_data.items() if name != "duration_seconds"}
        assert (row.status, result) == (
            "completed",
            {
                "message_id": str(message.id),
                "call_sid": sid,
                "to": PHONE.format(digits),
                "answered_by": answered_by,
                "outcome": outcome,
            },
        )
        assert logged(execution) == [("send_voicemail", "completed"), ("add_tag", "completed")]
        played = [line["body"] for line in postbox.calls(method="PLAY")]
        assert len(played) == (outcome == "voicemail_left")
        reached = outcome in ("voicemail_left", "not_played")
        assert (message.status, message.provider_message_id) == ("delivered" if reached else "failed", sid)
        event = Event.objects.get(event_type="call_completed")
        assert (event.data["outcome"], event.data["answered_by"]) == (outcome, answered_by or "")
        assert event.caused_by_id == row.id

    @pytest.mark.parametrize(
        ("digits", "changes", "outcome"),
        [
            (1, {"on_human": "play"}, "played"),
            (6, {"on_human": "play"}, "played"),
            (5, {"on_human": "play"}, "not_played"),
            (1, {"machine_detection": False}, "played"),
            (2, {"machine_detection": False}, "played"),
        ],
    )
    def test_is_played_to_whom_it_shall(
        self, account, media, relay, postbox, virtual_clock, digits, changes, outcome
    ) -> None:
        execution = begun(account, virtual_clock, voicemail(media, **changes), PHONE.format(digits))
        row = ended(relay, execution)
        assert row.result_data["outcome"] == outcome
        assert len(postbox.calls(method="PLAY")) == (outcome == "played")

    def test_may_be_answered_by_a_person_at_the_postbox(self, account, media, relay, postbox, virtual_clock) -> None:
        execution = begun(account, virtual_clock, voicemail(media, on_human="play"), "+14155550123")
        relay.until(lambda: postbox.calls(method="RING"))
        sid = postbox.calls(method="POST")[0]["key"]
        relay.until(lambda: Call.objects.get().status == "ringing")
        postbox.act_on_call(sid, "answer", "human")
        assert ended(relay, execution).result_data["outcome"] == "played"

    def test_calls_a_busy_line_again(self, account, media, relay, postbox, virtual_clock) -> None:
        chain = voicemail(media, retry_on_busy=True, max_retries=2)
        postbox.add_rule("accept", protocol="voice", method="POST", answer="busy", times=2)
        execution = begun(account, virtual_clock, chain, PHONE.format(2))
        for number in (1, 2):
            row = ended(relay, execution)
            assert (row.status, row.retry_count) == ("scheduled", number)
            virtual_clock.advance(hours=1)
            advance_all()
            perform_due("voice")
        row = ended(relay, execution)
        assert (row.status, row.result_data["outcome"]) == ("completed", "voicemail_left")
        first, _, last = (entry["key"] for entry in postbox.calls(method="POST"))
        assert (Message.objects.get().provider_message_id, Message.objects.get().status) == (last, "delivered")
        assert first != last
        outcomes = Event.objects.filter(event_type="call_completed").order_by("sequence")
        assert [event.data["outcome"] for event in outcomes] == ["busy", "busy", "voicemail_left"]

    def test_says_that_it_was_busy_when_no_retry_is_left(self, account, media, relay, postbox, virtual_clock) -> None:
        execution = begun(account, virtual_clock, voicemail(media, retry_on_busy=True, max_retries=0), PHONE.format(7))
        row = ended(relay, execution)
        assert (row.status, row.result_data["outcome"], row.retry_count) == ("completed", "busy", 0)
        assert len(postbox.calls(method="POST")) == 1

    def test_whose_earlier_attempt_is_told_of_late_is_not_mistaken(
        self, account, media, relay, postbox, virtual_clock
    ) -> None:
        postbox.add_rule("accept", protocol="voice", method="POST", answer="busy", times=1)
        execution = begun(account, virtual_clock, voicemail(media, retry_on_busy=True), "+14155550123")
        ended(relay, execution)
        late = [asked for asked in relay.seen if b"busy" in asked.body]
        virtual_clock.advance(hours=1)
        advance_all()
        perform_due("voice")
        for asked in late:
            assert relay.replay(asked)[0] == 200
        assert (Call.objects.get().attempt, Call.objects.get().outcome) == (1, "")
        postbox.act_on_call(postbox.calls(method="POST")[1]["key"], "answer", "machine_end_beep")
        assert ended(relay, execution).result_data["outcome"] == "voicemail_left"


class TestACall:
    @pytest.mark.parametrize(
        ("contact", "destination", "outcome"),
        [
            (1, 1, "connected"),
            (1, 7, "destination_busy"),
            (1, 8, "destination_no_answer"),
            (7, 1, "busy"),
            (8, 1, "no_answer"),
        ],
    )
    def test_connects_with_another_number(
        self, account, relay, postbox, virtual_clock, contact, destination, outcome
    ) -> None:
        chain = call("external", f"+1212555{destination:04}", whisper="{{ contact.first_name }} asks for you.")
        execution = begun(account, virtual_clock, chain, PHONE.format(contact))
        row = ended(relay, execution)
        assert (row.status, row.result_data["outcome"]) == ("completed", outcome)
        whispers = [line["subject"] for line in postbox.calls(method="SAY") if "asks for you" in line["subject"]]
        assert len(whispers) == (outcome == "connected")

    def test_connects_with_a_member(self, account, relay, postbox, virtual_clock) -> None:
        member = MembershipFactory(account=account, phone="+12125550001")
        execution = begun(account, virtual_clock, call("user", str(member.user_id)), PHONE.format(1))
        assert ended(relay, execution).result_data["outcome"] == "connected"
        assert "+12125550001" in {entry["recipients"][0] for entry in postbox.calls(method="TALK")}

    def test_connects_with_a_queue(self, account, relay, postbox, virtual_clock) -> None:
        execution = begun(account, virtual_clock, call("queue", "Sales & service"), PHONE.format(1))
        assert ended(relay, execution).result_data["outcome"] == "connected"
        assert "Sales & service" in postbox.calls(method="QUEUE")[0]["subject"]

    def test_hands_over_to_a_phone_menu(self, account, relay, postbox, virtual_clock) -> None:
        execution = begun(account, virtual_clock, call("ivr", "https://ivr.example/menu?a=1&b=2"), PHONE.format(1))
        assert ended(relay, execution).result_data["outcome"] == "connected"
        assert "ivr.example" in postbox.calls(method="ELSEWHERE")[0]["body"]

    def test_does_not_connect_a_machine_where_it_looks_for_one(self, account, relay, postbox, virtual_clock) -> None:
        chain = call("external", "+12125550001", machine_detection=True)
        execution = begun(account, virtual_clock, chain, PHONE.format(2))
        assert ended(relay, execution).result_data["outcome"] == "machine"
        assert postbox.calls(method="DIAL") == []

    def test_may_be_left_by_the_contact_while_it_rings_elsewhere(self, account, relay, postbox, virtual_clock) -> None:
        execution = begun(account, virtual_clock, call("external", "+12125550123"), "+14155550123")
        sid = postbox.calls(method="POST")[0]["key"]
        relay.until(lambda: Call.objects.get().status == "ringing")
        postbox.act_on_call(sid, "answer", "human")
        relay.until(lambda: len(postbox.calls(method="RING")) == 2)
        postbox.act_on_call(sid, "hang_up")
        assert ended(relay, execution).result_data["outcome"] == "not_connected"

    def test_is_recorded(self, account, relay, postbox, virtual_clock) -> None:
        execution = begun(account, virtual_clock, call("external", "+12125550001", record_call=True), PHONE.format(1))
        ended(relay, execution)
        relay.until(lambda: Call.objects.get().recording_url)
        made = Call.objects.get()
        assert made.recording_url.startswith(postbox.url("/2010-04-01/Accounts/AC"))
        assert (made.recording_sid[:2], made.recording_seconds, made.outcome) == ("RE", 1, "connected")


class TestCallbacks:
    @pytest.mark.parametrize("seed", range(4))
    def test_shuffled_tripled_and_some_forged_end_right(
        self, account, media, relay, postbox, virtual_clock, seed
    ) -> None:
        """The course of a call is recorded; then it is told anew, of calls that stand where that one stood."""
        chain = call("external", "+12125550001", whisper="Hello")
        execution = begun(account, virtual_clock, chain, PHONE.format(1))
        expected = ended(relay, execution).result_data
        told = [asked for asked in relay.seen if "/answer?" not in asked.path] * 3
        Event.objects.filter(event_type="call_completed").delete()
        Call.objects.update(status="in-progress", destination_status="", outcome="", duration_seconds=None)
        Message.objects.update(status="sent")
        random.Random(seed).shuffle(told)
        for number, asked in enumerate(told):
            forged = asked.headers | {"X-Twilio-Signature": "forged"}
            assert relay.replay(type(asked)("POST", asked.path, asked.body, forged))[0] == 403, number
            assert relay.replay(asked)[0] == 200
        made = Call.objects.get()
        assert (made.outcome, made.duration_seconds) == (expected["outcome"], expected["duration_seconds"])
        assert Message.objects.get().status == "delivered"
        assert Event.objects.filter(event_type="call_completed").count() == 1

    def test_that_come_before_the_call_is_written_back_count(
        self, account, media, relay, postbox, virtual_clock, monkeypatch
    ) -> None:
        """Twilio may tell how a call ended before the worker has noted that it was placed."""
        dial = calls.dial

        def slow_dial(payload: Any, *, key: Any) -> Any:
            answer = dial(payload, key=key)
            relay.until(lambda: Call.objects.get().outcome)
            assert WorkflowDispatch.objects.get().status == "sending"
            return answer

        monkeypatch.setattr(calls, "dial", slow_dial)
        execution = begun(account, virtual_clock, voicemail(media), PHONE.format(7))
        advance_all()
        assert logged(execution) == [("send_voicemail", "completed"), ("add_tag", "completed")]
        assert not WorkflowDispatch.objects.exists()


class TestALostAnswer:
    def test_is_looked_up_and_nobody_is_called_twice(self, account, media, relay, postbox, virtual_clock) -> None:
        postbox.add_rule("drop_reply", protocol="voice", method="POST", times=1)
        execution = begun(account, virtual_clock, voicemail(media), PHONE.format(2))
        assert ended(relay, execution).result_data["outcome"] == "voicemail_left"
        assert len(postbox.calls(method="POST")) == 1

    def test_that_cannot_be_found_is_settled_by_the_callback(
        self, account, media, relay, postbox, virtual_clock
    ) -> None:
        postbox.add_rule("drop_reply", protocol="voice", method="POST", times=1)
        postbox.add_rule("status", protocol="voice", method="GET", status=500)
        execution = begun(account, virtual_clock, voicemail(media), "+14155550123")
        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
        postbox.act_on_call(postbox.calls(method="POST")[0]["key"], "answer", "machine_end_beep")
        relay.until(lambda: Call.objects.get().outcome)
        advance_all()
        execution.refresh_from_db()
        assert execution.status == "completed"
        assert execution.steps["send_voicemail"]["outcome"] == "voicemail_left"
        assert len(postbox.calls(method="POST")) == 1

    def test_of_a_call_that_was_not_placed_stays_unknown(self, account, media, relay, postbox, virtual_clock) -> None:
        postbox.add_rule("reset", protocol="voice", method="POST", times=1)
        execution = begun(account, virtual_clock, voicemail(media), PHONE.format(2))
        for _ in range(3):
            virtual_clock.advance(hours=2)
            advance_all()
            perform_due("voice")
        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
        assert postbox.counts(protocol="voice", method="POST")["total"] == 1
