"""What was said on the phones: SMS and calls, as the page of phones shows them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from workflows.messaging.postbox.calls import LiveCall
from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome

SHOWN = 1000
ICONS = {
    "POST": "☎",
    "RING": "☎",
    "AWAY": "✕",
    "ANSWER": "✓",
    "SAY": "🗨",
    "PLAY": "▶",
    "DIAL": "⇄",
    "TALK": "⇄",
    "QUEUE": "…",
    "DIGITS": "#",
    "RECORDING": "●",
    "ELSEWHERE": "↗",
    "ERROR": "!",
    "END": "■",
}
"""By what happened on a call."""
SOUNDS = frozenset({"PLAY", "RECORDING"})


def entries_of(ledger: Ledger) -> list[Entry]:
    """Return SMS and what happened on calls, the newest first."""
    found = [entry for protocol in ("sms", "voice") for entry in ledger.find({"protocol": protocol}, limit=SHOWN)]
    return sorted(found, key=lambda entry: -entry.id)[:SHOWN]


def phone_of(entry: Entry) -> str:
    """Return the phone that an entry is of: it came to it, or was written on it."""
    return entry.sender if entry.method == "INBOUND" else next(iter(entry.recipients), "")


def last_of_phones(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return the last entry of each phone, the last used first."""
    last: dict[str, Entry] = {}
    for entry in entries:
        last.setdefault(phone_of(entry), entry)
    return last


def said(entries: Sequence[Entry], number: str, live: Mapping[str, LiveCall]) -> list[dict[str, Any]]:
    """Return what was said on a phone, the oldest first: SMS as they came, each call with all that happened on it."""
    lines: list[dict[str, Any]] = []
    calls: dict[str, dict[str, Any]] = {}
    for entry in [entry for entry in reversed(entries) if phone_of(entry) == number]:
        if entry.protocol == "sms":
            lines.append({"entry": entry, "is_own": entry.method == "INBOUND", "media": forms(entry, "MediaUrl")})
        elif entry.key in calls:
            calls[entry.key]["steps"].append(step_of(entry))
        else:
            is_placed = entry.method == "POST"
            call = {"entry": entry, "steps": [] if is_placed else [step_of(entry)], "waits_for": ""}
            if entry.key:
                calls[entry.key] = call
                call["waits_for"] = live[entry.key].waits_for if entry.key in live else ""
            lines.append({"entry": entry, "call": call})
    return lines


def step_of(entry: Entry) -> dict[str, Any]:
    url = next(iter(forms(entry, "Url")), "")
    return {
        "icon": ICONS.get(entry.method, ""),
        "text": entry.subject,
        "url": url,
        "is_sound": entry.method in SOUNDS,
        "kind": entry.method.lower(),
    }


def partner_of(entries: Sequence[Entry], number: str) -> str:
    """Return the number that wrote to a phone last; empty: none did."""
    return next(
        (
            entry.sender
            for entry in entries
            if entry.protocol == "sms"
            and entry.method == "POST"
            and entry.outcome != Outcome.REFUSED
            and phone_of(entry) == number
        ),
        "",
    )


def forms(entry: Entry, name: str) -> list[str]:
    return parse_qs(entry.body.decode("utf-8", "replace")).get(name, [])
