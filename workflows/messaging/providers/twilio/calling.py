"""Placing one call, and finding one again whose answer was lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twilio.rest import Client

from workflows.messaging.outbound import SentUnknown
from workflows.messaging.providers.twilio.account import TwilioAccount
from workflows.messaging.providers.twilio.sending import CLOCKS_DIFFER, LOOKED_AT, answered

PROGRESS = ["initiated", "ringing", "answered", "completed"]
"""What Twilio tells of a call; how it ended comes as `completed`."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Addresses that Twilio calls about a call."""

    answer: str
    """Asked for TwiML when the call is answered, after any detection of machines."""
    status: str
    recording: str


def place(
    account: TwilioAccount, *, sender: str, recipient: str, callbacks: Callbacks, options: Mapping[str, Any]
) -> str:
    """Place one call and return its sid.

    `options`: `ring_seconds`, `most_seconds`, `record`, `detection` (None, or the parameters of Twilio's detection of
    machines as the SDK names them) and, for a call that asks and tells nothing, what it does as `twiml`. Refused:
    Twilio answered and does not call; NotSent: it was never asked; SentUnknown: nobody can tell.
    """
    more: dict[str, Any] = dict(options["detection"] or {})
    if options["record"]:
        more |= {
            "record": True,
            "recording_channels": "dual",
            "recording_status_callback": callbacks.recording,
            "recording_status_callback_event": ["completed"],
        }

    if options.get("twiml"):
        more["twiml"] = options["twiml"]
    else:
        more |= {"url": callbacks.answer, "status_callback": callbacks.status, "status_callback_event": PROGRESS}

    def create(client: Client) -> str:
        call = client.calls.create(
            to=recipient,
            from_=sender,
            timeout=options["ring_seconds"],
            time_limit=options["most_seconds"],
            **more,
        )
        return str(call.sid or "")

    sid = answered(account, create)
    if not sid:
        raise SentUnknown("outcome_unknown", "Twilio's answer cannot be understood.")
    return sid


def find_calls(account: TwilioAccount, *, sender: str, recipient: str, since: datetime) -> list[str]:
    """Return the sids of calls that went from one number to the other since a moment, by Twilio's clock."""

    def listed(client: Client) -> list[str]:
        return [
            str(call.sid)
            for call in client.calls.list(to=recipient, from_=sender, limit=LOOKED_AT)
            if call.direction != "inbound"
            and call.date_created is not None
            and call.date_created >= since - CLOCKS_DIFFER
        ]

    return answered(account, listed)
