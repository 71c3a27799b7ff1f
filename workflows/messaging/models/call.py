"""Phone calls: what only these messages have."""

from django.db import models

from accounts.scoping import BulkAccountRow
from workflows.messaging.models.message import Message


class CallStatus(models.TextChoices):
    """How far a call came, in Twilio's words; the last five are final, and a status never goes back."""

    QUEUED = "queued", "Not dialled yet"
    INITIATED = "initiated", "Dialled"
    RINGING = "ringing", "Ringing"
    IN_PROGRESS = "in-progress", "Answered"
    COMPLETED = "completed", "Ended"
    BUSY = "busy", "Busy"
    NO_ANSWER = "no-answer", "Not answered"
    FAILED = "failed", "Could not be placed"
    CANCELED = "canceled", "Canceled"


class CallOutcome(models.TextChoices):
    """What came of a call: of a voicemail, of a call that connects, of both."""

    VOICEMAIL_LEFT = "voicemail_left", "Played to a machine"
    PLAYED = "played", "Played to who answered"
    NOT_PLAYED = "not_played", "Answered, not played"
    CONNECTED = "connected", "Connected"
    NOT_CONNECTED = "not_connected", "Answered, not connected"
    DESTINATION_BUSY = "destination_busy", "The destination was busy"
    DESTINATION_NO_ANSWER = "destination_no_answer", "The destination did not answer"
    DESTINATION_FAILED = "destination_failed", "The destination could not be called"
    MACHINE = "machine", "A machine answered"
    BUSY = "busy", "Busy"
    NO_ANSWER = "no_answer", "Not answered"
    FAILED = "failed", "Could not be placed"
    CANCELED = "canceled", "Canceled"
    ANSWERED = "answered", "The contact called and heard who we are"


class Call(BulkAccountRow):
    """What a message on the channel `voice` has besides: the call's course. Its id is the message's."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="call")
    attempt = models.PositiveSmallIntegerField(
        default=0, help_text="How often it was dialled before; what is told of earlier attempts is no news."
    )
    depth = models.PositiveSmallIntegerField(default=0, help_text="That of the execution whose step calls.")
    script = models.JSONField(default=dict, help_text="What the call does once it is answered.")
    status = models.CharField(max_length=12, choices=CallStatus.choices, default=CallStatus.QUEUED)
    answered_by = models.CharField(
        max_length=20,
        blank=True,
        help_text="Who answered, in Twilio's word; empty: nobody did, or nobody looked.",
    )
    did = models.CharField(max_length=8, blank=True, help_text="What it was told to do: play, connect, hang_up.")
    destination_status = models.CharField(
        max_length=12, blank=True, help_text="How far the call to the destination came, in the words of `status`."
    )
    outcome = models.CharField(
        max_length=22, blank=True, choices=CallOutcome.choices, help_text="What came of it; empty: it is not over."
    )
    duration_seconds = models.PositiveIntegerField(null=True, help_text="From the answer to the end.")
    recording_sid = models.CharField(max_length=64, blank=True, help_text="Twilio's id of the recording.")
    recording_url = models.CharField(max_length=500, blank=True, help_text="Where Twilio keeps the recording.")
    recording_seconds = models.PositiveIntegerField(null=True, help_text="Length of the recording.")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.status} {self.outcome}".strip()
