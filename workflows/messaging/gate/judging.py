"""The gate's rules, in their order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from workflows.crm.models import Channel, ConsentState
from workflows.messaging.gate.records import Record, read_records
from workflows.messaging.gate.verdicts import Purpose, Sending, Verdict

NAMES = {Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.VOICE: "voice calls", Channel.MESSENGER: "Messenger"}
NEED_OPT_IN = frozenset({Channel.SMS, Channel.VOICE})
"""Marketing on these channels needs the contact's recorded word."""
MESSENGER_WINDOW = timedelta(hours=24)
OUTSIDE_WINDOW = "outside_24h_window"


def judge(
    *, account_id: UUID, channel: Channel, purpose: str, sendings: Sequence[Sending], now: datetime
) -> list[Verdict]:
    """Say of each message whether it may go, in order; one query. The contacts are locked by the caller.

    Whoever opted out of the channel gets nothing on it, and do not disturb is an opt-out of every channel. Marketing
    besides needs a recorded opt-in on SMS and voice, and on Messenger a message of the contact within 24 hours; of
    marketing a contact gets no more on a channel within 24 hours than the account's `frequency_cap`. Those of one call
    do not count against each other: each contact should be in it once.
    """
    wanted = Purpose(purpose)
    records = read_records(account_id=account_id, channel=channel, purpose=wanted, sendings=sendings, now=now)
    return [verdict_on(record, channel, wanted, now) for record in records]


def verdict_on(record: Record, channel: Channel, purpose: Purpose, now: datetime) -> Verdict:
    reason = objection(record, channel, purpose, now)
    facts: dict[str, Any] = {
        "verdict": "skipped" if reason else "allowed",
        "channel": str(channel),
        "purpose": str(purpose),
        "consent": {
            "state": record.consent,
            "recorded_at": record.consented_at.isoformat() if record.consented_at else None,
        },
    }
    if record.sent is not None:
        facts["frequency"] = {"sent": record.sent, "cap": record.frequency_cap}
    if channel == Channel.MESSENGER:
        facts["last_heard_at"] = record.last_heard_at.isoformat() if record.last_heard_at else None
    return Verdict(reason, facts)


def objection(record: Record, channel: Channel, purpose: Purpose, now: datetime) -> str:
    """Return why the message may not go, or nothing."""
    if record.consent == ConsentState.OPT_OUT:
        return f"Contact opted out of {NAMES[channel]}"
    if purpose == Purpose.TRANSACTIONAL:
        return ""
    if channel in NEED_OPT_IN and record.consent != ConsentState.OPT_IN:
        return f"Contact did not opt in to {NAMES[channel]}"
    if channel == Channel.MESSENGER and not is_in_window(record.last_heard_at, now):
        return OUTSIDE_WINDOW
    if record.sent is not None and record.sent >= record.frequency_cap:
        used = f"{record.sent} of {record.frequency_cap}"
        return f"Frequency cap reached: {used} marketing messages by {NAMES[channel]} within 24 hours"
    return ""


def is_in_window(last_heard_at: datetime | None, now: datetime) -> bool:
    """Tell whether a business may answer on Messenger freely."""
    return last_heard_at is not None and now < last_heard_at + MESSENGER_WINDOW
