"""Conversations on Messenger, as the page of chats shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from workflows.messaging.postbox.graph import name_of
from workflows.messaging.postbox.graph_messages import attached, form_parts, read_json
from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome

SHOWN = 1000

Chat = tuple[str, str]
"""(page, person)."""


def chat_of(entry: Entry) -> Chat:
    """Return the conversation that an entry is part of."""
    other = next(iter(entry.recipients), "")
    return (entry.sender, other) if entry.method == "POST" else (other, entry.sender)


def conversations(ledger: Ledger) -> tuple[dict[Chat, Entry], Sequence[Entry]]:
    """Return the last entry of each conversation, the last used first, and all entries, the newest first."""
    entries = ledger.find({"protocol": "messenger"}, limit=SHOWN)
    last: dict[Chat, Entry] = {}
    for entry in entries:
        if entry.method != "READ":
            last.setdefault(chat_of(entry), entry)
    return last, entries


def said(entries: Sequence[Entry], chat: Chat) -> list[dict[str, Any]]:
    """Return what was said in a conversation, the oldest first: its parts, and what can be tapped."""
    talk = [entry for entry in reversed(entries) if chat_of(entry) == chat]
    lines = [line_of(entry) for entry in talk]
    read_until = max((entry.id for entry in talk if entry.method == "READ"), default=0)
    shown = [line for line in lines if line["kind"] != "READ"]
    for line in shown:
        line["is_read"] = line["entry"].id < read_until
    for line in shown[:-1]:
        line["quick_replies"] = []  # as on a phone: once there is more, they are gone
    return shown


def line_of(entry: Entry) -> dict[str, Any]:
    """Return one message as the page shows it."""
    message = message_in(entry) if entry.method == "POST" else {}
    payload = attached(message)
    cards = payload.get("elements")
    buttons = payload.get("buttons")
    replies = message.get("quick_replies")
    attachment = message.get("attachment")
    is_picture = isinstance(attachment, dict) and attachment.get("type") == "image"
    return {
        "entry": entry,
        "moment": moment(entry),
        "kind": entry.method,
        "text": payload.get("text") or message.get("text") or ("" if cards or is_picture else entry.subject),
        "picture": payload.get("url", "") if is_picture else "",
        "has_file": is_picture and not payload.get("url"),
        "cards": [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else [],
        "buttons": [button for button in buttons if isinstance(button, dict)] if isinstance(buttons, list) else [],
        "quick_replies": [each for each in replies if isinstance(each, dict)] if isinstance(replies, list) else [],
        "is_own": entry.method == "INBOUND",
        "is_taken": entry.outcome is not Outcome.REFUSED,
        "tag": sent_in(entry).get("tag", "") if entry.method == "POST" else "",
    }


def sent_in(entry: Entry) -> dict[str, Any]:
    """Return what a page sent, as an object; empty for anything else."""
    content_type = content_type_of(entry)
    if content_type.startswith("multipart/"):
        return {
            name: read_json(content) for name, _, content in form_parts(content_type, entry.body) if name != "filedata"
        }
    data = read_json(entry.body)
    return data if isinstance(data, dict) else {}


def message_in(entry: Entry) -> dict[str, Any]:
    message = sent_in(entry).get("message")
    return message if isinstance(message, dict) else {}


def file_in(entry: Entry) -> tuple[str, bytes] | None:
    """Return the type and content of the file that came with a message."""
    parts = form_parts(content_type_of(entry), entry.body)
    return next(((kind, content) for name, kind, content in parts if name == "filedata"), None)


def content_type_of(entry: Entry) -> str:
    return next((value for name, value in entry.headers if name.lower() == "content-type"), "")


def moment(entry: Entry) -> dict[str, str]:
    at = datetime.fromtimestamp(entry.at).astimezone()
    is_today = at.date() == datetime.now().astimezone().date()
    return {"iso": at.isoformat(), "short": f"{at:%H:%M:%S}" if is_today else f"{at:%d %b %H:%M}"}


def context_of(ledger: Ledger, pages: Sequence[str], page: str, person: str) -> dict[str, Any]:
    """Return what the page of chats is rendered with."""
    last, entries = conversations(ledger)
    is_there = (page, person) in last
    return {
        "tab": "chats",
        "chats": [
            {"page": chat[0], "person": chat[1], "name": full_name(chat[1]), "entry": entry, "time": moment(entry)}
            for chat, entry in last.items()
        ],
        "page": page if is_there else "",
        "person": person if is_there else "",
        "name": full_name(person),
        "talk": said(entries, (page, person)) if is_there else [],
        "pages": list(pages),
        "can_write": page in pages,
        "is_missing": bool(person and not is_there),
        "last_id": ledger.counts({})["last_id"],
    }


def full_name(person: str) -> str:
    return " ".join(name_of(person))
