"""What calls do, in Twilio's language (https://www.twilio.com/docs/voice/twiml)."""

from twilio.twiml.voice_response import Dial, VoiceResponse

LEG_EVENTS = "answered completed"


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def nothing() -> str:
    """Let whatever comes next happen."""
    return str(VoiceResponse())


def say(*texts: str) -> str:
    """Read texts out, then hang up where nothing else follows."""
    response = VoiceResponse()
    for text in texts:
        response.say(text)
    return str(response)


def play(url: str) -> str:
    """Play a sound file after a breath of silence, which a beep may still take."""
    response = VoiceResponse()
    response.pause(length=1)
    response.play(url)
    return str(response)


def connect_to_number(
    number: str, *, caller_id: str, ring_seconds: int, most_seconds: int, action: str, status: str, whisper: str
) -> str:
    """Call a number and connect it; at `whisper` it is told something first. Empty addresses: there is none."""
    response = VoiceResponse()
    asked = {"action": action} if action else {}
    dial = Dial(caller_id=caller_id, timeout=ring_seconds, time_limit=most_seconds, **asked)
    told = {"url": whisper} if whisper else {}
    heard = {"status_callback": status, "status_callback_event": LEG_EVENTS} if status else {}
    dial.number(number, **heard, **told)
    response.append(dial)
    return str(response)


def put_into_queue(name: str, *, action: str) -> str:
    """Let the call wait in a queue of the account at Twilio, which is made if it is missing."""
    response = VoiceResponse()
    response.enqueue(name, **({"action": action} if action else {}))
    return str(response)


def go_on_at(url: str) -> str:
    """Hand the call over to somebody else's TwiML."""
    response = VoiceResponse()
    response.redirect(url, method="POST")
    return str(response)
