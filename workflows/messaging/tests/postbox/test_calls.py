"""Phones that are called, with the official SDK: moved to the postbox, and otherwise as it is."""

import io
import urllib.request
import wave
from urllib.parse import parse_qs

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from workflows.messaging.postbox.calls import ANSWERS
from workflows.messaging.tests.postbox.test_phones import page, until
from workflows.messaging.tests.providers.test_twilio import FROM, SID, TO, MovedClient
from workflows.messaging.tests.relay import relayed

MENU = """<Response>
  <Say>Hello &amp; welcome</Say><Play>/sound.wav</Play>
  <Gather action="/menu" timeout="2"><Say>Press a key</Say></Gather><Say>Nothing pressed</Say>
</Response>"""


@pytest.fixture
def hook(monkeypatch):
    """Answers every question with TwiML, by its path."""
    with relayed() as relay:
        relay.twiml = {}

        def answer(asked):
            return 200, relay.twiml.get(asked.path.partition("?")[0], "<Response/>").encode()

        monkeypatch.setattr(relay, "replay", answer)
        yield relay


def call(postbox, hook, to=TO, **options):
    client = Client(SID, "auth token", http_client=MovedClient(postbox.address.url))
    return client.calls.create(
        to=to,
        from_=FROM,
        url=f"{hook.url}/answer?a=1",
        status_callback=f"{hook.url}/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        **options,
    )


def forms(hook, path="/status"):
    return [
        {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        for asked in hook.seen
        if asked.path.startswith(path)
    ]


def is_over(hook):
    return lambda: any(form["CallStatus"] in ("completed", "busy", "no-answer", "canceled") for form in forms(hook))


class TestCalls:
    @pytest.mark.parametrize("number", range(1, 9))
    def test_are_answered_by_last_digits(self, postbox, hook, number):
        made = call(postbox, hook, to=f"+1415555{number:04}", machine_detection="DetectMessageEnd")
        hook.until(is_over(hook))
        answer = ANSWERS[number - 1]
        ends = {"busy": "busy", "no_answer": "no-answer"}.get(answer, "completed")
        progress = [form["CallStatus"] for form in forms(hook)]
        assert progress == ["initiated", "ringing", *(["in-progress"] if ends == "completed" else []), ends]
        assert {form["CallSid"] for form in forms(hook)} == {made.sid}
        assert [form["AnsweredBy"] for form in forms(hook, "/answer")] == ([answer] if ends == "completed" else [])

    def test_tell_everything_signed(self, postbox, hook):
        call(postbox, hook, to="+14155550001")
        hook.until(is_over(hook))
        for asked in hook.seen:
            form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
            url, signature = hook.url + asked.path, asked.headers["X-Twilio-Signature"]
            assert RequestValidator("auth token").validate(url, form, signature)
            assert (form["From"], form["To"], form["AccountSid"]) == (FROM, "+14155550001", SID)

    def test_ring_until_somebody_acts_and_take_keys(self, postbox, hook):
        hook.twiml = {"/answer": MENU, "/menu": "<Response><Say>You pressed it</Say></Response>"}
        made = call(postbox, hook)
        hook.until(lambda: "Answer</button>" in page(postbox, f"/phones/{TO}"))
        postbox.act_on_call(made.sid, "answer", "human")
        hook.until(lambda: 'data-command="digits"' in page(postbox, f"/phones/{TO}"))
        postbox.act_on_call(made.sid, "digits", "7")
        hook.until(is_over(hook))
        assert forms(hook, "/menu")[0]["Digits"] == "7"
        lines = [(line["method"], line["subject"]) for line in postbox.calls(key=made.sid)]
        assert lines == [
            ("POST", "A call"),
            ("RING", f"Rings, {FROM} calls"),
            ("ANSWER", "Answered: human"),
            ("SAY", "Hello & welcome"),
            ("PLAY", "Plays a recording"),
            ("SAY", "Press a key"),
            ("DIGITS", "Presses 7"),
            ("SAY", "You pressed it"),
            ("END", "The call ends"),
        ]
        shown = page(postbox, f"/phones/{TO}")
        assert "Hello &amp; welcome" in shown
        assert f'<audio controls preload="none" src="{hook.url}/sound.wav">' in shown
        with pytest.raises(ValueError, match="is over"):
            postbox.act_on_call(made.sid, "hang_up")

    @pytest.mark.parametrize(
        ("command", "value", "status"), [("answer", "no_answer", "no-answer"), ("hang_up", "", "busy")]
    )
    def test_may_be_declined(self, postbox, hook, command, value, status):
        made = call(postbox, hook)
        hook.until(lambda: postbox.calls(method="RING"))
        postbox.act_on_call(made.sid, command, value)
        hook.until(is_over(hook))
        assert forms(hook)[-1]["CallStatus"] == status
        assert forms(hook)[-1]["CallDuration"] == "0"

    def test_are_not_answered_in_time(self, postbox, hook):
        call(postbox, hook, timeout=1)
        hook.until(is_over(hook))
        assert forms(hook)[-1]["CallStatus"] == "no-answer"

    def test_are_listed_and_fetched(self, postbox, hook):
        made = call(postbox, hook, to="+14155550001")
        hook.until(is_over(hook))
        client = Client(SID, "auth token", http_client=MovedClient(postbox.address.url))
        assert [each.sid for each in client.calls.list(to="+14155550001", from_=FROM)] == [made.sid]
        assert client.calls.list(to="+14155550009") == []
        until(lambda: client.calls(made.sid).fetch().status == "completed")
        with pytest.raises(TwilioRestException) as refusal:
            client.calls("CA" + "0" * 32).fetch()
        assert refusal.value.status == 404

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ({"to": "123", "from_": FROM, "url": "http://a"}, 21211),
            ({"to": TO, "from_": "1", "url": "http://a"}, 21212),
        ],
    )
    def test_refuse_what_twilio_refuses(self, postbox, options, code):
        client = Client(SID, "auth token", http_client=MovedClient(postbox.address.url))
        with pytest.raises(TwilioRestException) as refusal:
            client.calls.create(**options)
        assert refusal.value.code == code
        assert postbox.counts(protocol="voice", outcome="new")["total"] == 0

    def test_are_recorded_for_real(self, postbox, hook):
        call(postbox, hook, to="+14155550001", record=True, recording_status_callback=f"{hook.url}/recording")
        hook.until(lambda: forms(hook, "/recording"))
        (told,) = forms(hook, "/recording")
        with urllib.request.urlopen(f"{told['RecordingUrl']}.wav") as answer:
            content = io.BytesIO(answer.read())
        with wave.open(content) as sound:
            found = sound.getnchannels(), sound.getnframes() // sound.getframerate()
        assert found == (2, int(told["RecordingDuration"]))

    @pytest.mark.parametrize("twiml", ["", "no XML", "<Response>", "<Response><Dance/><Say/></Response>"])
    def test_end_in_order_whatever_they_are_told(self, postbox, hook, twiml):
        hook.twiml = {"/answer": twiml}
        call(postbox, hook, to="+14155550001")
        hook.until(is_over(hook))

    def test_ask_this_machine_alone(self, postbox, hook):
        client = Client(SID, "auth token", http_client=MovedClient(postbox.address.url))
        client.calls.create(
            to="+14155550001", from_=FROM, url="https://elsewhere.example/", status_callback="http://x.example/"
        )
        until(lambda: postbox.calls(method="END"))
        assert "elsewhere.example" in postbox.calls(method="ELSEWHERE")[0]["body"]
