"""What a call does once it is answered, and what came of it by its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.messaging.models import Call, CallOutcome, CallStatus

VOICEMAIL, CONNECT = "voicemail", "connect"
USER, QUEUE, EXTERNAL, IVR = "user", "queue", "external", "ivr"
PLAY, HANG_UP, JOIN = "play", "hang_up", "connect"
"""What a call can be told to do."""
MACHINES = ("machine_end_beep", "machine_end_silence", "machine_end_other")
NOBODY = frozenset({*MACHINES, "machine_start", "fax"})
ANSWERS = frozenset({*NOBODY, "human", "unknown"})
"""Twilio's words for who answered."""
FINAL = frozenset({CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED, CallStatus.CANCELED})
PROGRESS = (CallStatus.QUEUED, CallStatus.INITIATED, CallStatus.RINGING, CallStatus.IN_PROGRESS)
NOT_REACHED = {
    CallStatus.BUSY: CallOutcome.BUSY,
    CallStatus.NO_ANSWER: CallOutcome.NO_ANSWER,
    CallStatus.FAILED: CallOutcome.FAILED,
    CallStatus.CANCELED: CallOutcome.CANCELED,
}
DESTINATION_NOT_REACHED = {
    CallStatus.BUSY: CallOutcome.DESTINATION_BUSY,
    CallStatus.NO_ANSWER: CallOutcome.DESTINATION_NO_ANSWER,
    CallStatus.FAILED: CallOutcome.DESTINATION_FAILED,
}


@dataclass(frozen=True, slots=True)
class Voicemail:
    """A script that plays a file of the account."""

    media_id: str
    plays_to_people: bool
    repeats_busy: bool
    """Whether a busy line is called again."""

    def as_json(self) -> dict[str, Any]:
        return {
            "does": VOICEMAIL,
            "media_id": self.media_id,
            "plays_to_people": self.plays_to_people,
            "repeats_busy": self.repeats_busy,
        }


@dataclass(frozen=True, slots=True)
class Connection:
    """A script that connects who answers with somebody else."""

    destination_type: str
    destination: str
    """A phone number, a queue's name or an address of TwiML, as the type says."""
    whisper: str
    ring_seconds: int
    most_seconds: int

    def as_json(self) -> dict[str, Any]:
        return {
            "does": CONNECT,
            "destination_type": self.destination_type,
            "destination": self.destination,
            "whisper": self.whisper,
            "ring_seconds": self.ring_seconds,
            "most_seconds": self.most_seconds,
        }


def what_to_do(script: Mapping[str, Any], answered_by: str) -> str:
    """Return what an answered call is told to do; without detection, and in doubt, it was a person who answered."""
    if script["does"] == CONNECT:
        return HANG_UP if answered_by in NOBODY else JOIN
    if answered_by in MACHINES or not answered_by:
        return PLAY
    return PLAY if answered_by in {"human", "unknown"} and script["plays_to_people"] else HANG_UP


def outcome_of(call: Call) -> str:
    """Return what came of a call, empty while that is not known: also where the destination's end is still to come."""
    status = CallStatus(call.status)
    if status not in FINAL:
        return ""
    if status != CallStatus.COMPLETED:
        return NOT_REACHED[status]
    if call.script["does"] == VOICEMAIL:
        if call.did != PLAY:
            return CallOutcome.NOT_PLAYED
        return CallOutcome.VOICEMAIL_LEFT if call.answered_by in MACHINES else CallOutcome.PLAYED
    if call.did == JOIN:
        return outcome_of_connection(call)
    return CallOutcome.MACHINE if call.did == HANG_UP else CallOutcome.NOT_CONNECTED


def outcome_of_connection(call: Call) -> str:
    if call.script["destination_type"] == IVR or call.destination_status in {
        CallStatus.IN_PROGRESS,
        CallStatus.COMPLETED,
    }:
        return CallOutcome.CONNECTED
    if call.destination_status == CallStatus.CANCELED:
        return CallOutcome.NOT_CONNECTED
    return DESTINATION_NOT_REACHED.get(CallStatus(call.destination_status), "") if call.destination_status else ""


def is_news(known: str, told: str) -> bool:
    """Tell whether a status leads on from the one that is known; one after the end never does."""
    if not told or known in FINAL:
        return False
    if told in FINAL or not known:
        return True
    return PROGRESS.index(CallStatus(told)) > PROGRESS.index(CallStatus(known))
