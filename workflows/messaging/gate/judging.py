"""The gate's rules, in their order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from workflows.crm.models import Channel, ConsentState
from workflows.messaging.gate.hours import Hours, QuietHours
from workflows.messaging.gate.law import Law
from workflows.messaging.gate.places import place_of, zones_of
from workflows.messaging.gate.records import Record, read_records
from workflows.messaging.gate.verdicts import Purpose, Sending, Verdict
from workflows.messaging.gate.windows import Window

NAMES = {Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.VOICE: "voice calls", Channel.MESSENGER: "Messenger"}
BY_PHONE = frozenset({Channel.SMS, Channel.VOICE})
"""Marketing on these channels needs the contact's recorded word, and the law has hours for it."""
ANY_WINDOW = Window()
QUIET_HOURS = "quiet_hours"
NEVER_OPEN = "The calling hours of the law and the step's quiet hours leave no time to send"


def judge(
    *,
    account_id: UUID,
    channel: Channel,
    purpose: str,
    sendings: Sequence[Sending],
    quiet_hours: QuietHours | None = None,
    window: Window = ANY_WINDOW,
    now: datetime,
) -> list[Verdict]:
    """Say of each message whether it may go, in order; one query, of marketing by phone two. Contacts are locked.

    Whoever opted out of the channel gets nothing on it, and do not disturb is an opt-out of every channel. Marketing
    besides needs a recorded opt-in on SMS and voice; Messenger, for any purpose, a message of the contact within the
    `window`.

    SMS and voice are held through the step's `quiet_hours` (None: it has none), marketing moreover outside the law's
    calling hours at the contact's place. It goes by the contact's zone, else by every zone that the phone number may
    stand for, else by the account's.

    Of marketing a contact gets no more on a channel within 24 hours than the account's `frequency_cap`. Messages of one
    call do not count against each other: each contact should be in it once.
    """
    wanted = Purpose(purpose)
    records = read_records(
        account_id=account_id, channel=channel, purpose=wanted, sendings=sendings, page_id=window.page_id, now=now
    )
    hours = hours_of(channel, wanted, sendings, quiet_hours)
    return [
        verdict_on(record, sending, channel, wanted, hours, window, now)
        for sending, record in zip(sendings, records, strict=True)
    ]


def hours_of(
    channel: Channel, purpose: Purpose, sendings: Sequence[Sending], quiet_hours: QuietHours | None
) -> Hours | None:
    """Return the hours to go by; None: any hour will do."""
    if channel not in BY_PHONE:
        return None
    if purpose == Purpose.MARKETING:
        return Hours(law=Law.of({place_of(sending.phone).country for sending in sendings}), quiet=quiet_hours)
    return Hours(law=None, quiet=quiet_hours) if quiet_hours else None


def verdict_on(
    record: Record,
    sending: Sending,
    channel: Channel,
    purpose: Purpose,
    hours: Hours | None,
    window: Window,
    now: datetime,
) -> Verdict:
    facts: dict[str, Any] = {
        "verdict": "allowed",
        "channel": str(channel),
        "purpose": str(purpose),
        "consent": {"state": record.consent, "recorded_at": as_text(record.consented_at)},
    }
    if record.sent is not None:
        facts["frequency"] = {"sent": record.sent, "cap": record.frequency_cap}
    reason = lacks_consent(record, channel, purpose)
    closes_at = None
    if channel == Channel.MESSENGER:
        closes_at = window.end(record.last_heard_at)
        facts |= {"last_heard_at": as_text(record.last_heard_at), "closes_at": as_text(closes_at)}
        reason = reason or window.refusal(record.last_heard_at, now)
    opening = None
    if hours is not None and not reason:
        place = place_of(sending.phone)
        zones = zones_of(timezone=sending.timezone, phone=sending.phone, account_timezone=record.account_timezone)
        opening = hours.opening(zones, place, now)
        facts["hours"] = {
            "zones": [zone.key for zone in zones],
            "place": str(place) if purpose == Purpose.MARKETING else None,
            "opens_at": as_text(opening.opens if opening else None),
            "closes_at": as_text(opening.closes if opening else None),
        }
        if opening is None:
            reason = NEVER_OPEN
        elif opening.opens > now:
            return Verdict(held_until=opening.opens, facts={**facts, "verdict": "held"})
    reason = reason or is_capped(record, channel)
    if reason:
        return Verdict(reason, facts={**facts, "verdict": "skipped"})
    return Verdict(closes_at=opening.closes if opening else closes_at, facts=facts)


def lacks_consent(record: Record, channel: Channel, purpose: Purpose) -> str:
    """Return what the contact did not allow, or nothing."""
    if record.consent == ConsentState.OPT_OUT:
        return f"Contact opted out of {NAMES[channel]}"
    if purpose == Purpose.TRANSACTIONAL:
        return ""
    if channel in BY_PHONE and record.consent != ConsentState.OPT_IN:
        return f"Contact did not opt in to {NAMES[channel]}"
    return ""


def is_capped(record: Record, channel: Channel) -> str:
    """Say that the contact got enough, or nothing."""
    if record.sent is None or record.sent < record.frequency_cap:
        return ""
    used = f"{record.sent} of {record.frequency_cap}"
    return f"Frequency cap reached: {used} marketing messages by {NAMES[channel]} within 24 hours"


def as_text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
