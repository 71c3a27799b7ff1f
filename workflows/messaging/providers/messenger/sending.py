"""Sending one message, and signing in."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.messaging.outbound import SentUnknown
from workflows.messaging.providers.messenger.errors import Refused
from workflows.messaging.providers.messenger.graph import NOT_UNDERSTOOD, ask
from workflows.messaging.providers.messenger.page import MessengerPage

LONGEST_MID = 200


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes along with a message."""

    name: str
    content_type: str
    content: bytes


def send(
    page: MessengerPage,
    *,
    person: str,
    message: Mapping[str, Any],
    messaging_type: str,
    tag: str = "",
    metadata: str,
    attached: Attached | None = None,
) -> str:
    """Hand one message over and return its id at Meta (`mid`).

    `person` is the page-scoped id, `message` the Send API's object. Meta tells of what was sent by a callback that
    repeats `metadata`. Refused: Meta answered and does not have it; NotSent: it was never asked; SentUnknown: nobody
    can tell.
    """
    parts: dict[str, Any] = {
        "recipient": {"id": person},
        "messaging_type": messaging_type,
        "message": {**message, "metadata": metadata},
    }
    if tag:
        parts["tag"] = tag
    if attached is None:
        body, content_type = json.dumps(parts).encode(), "application/json"
    else:
        body, content_type = form_of(parts, attached)
    answer = ask(page, "POST", f"{page.page_id}/messages", body=body, content_type=content_type)
    mid = answer.get("message_id")
    if not isinstance(mid, str) or not 0 < len(mid) <= LONGEST_MID:
        raise SentUnknown("outcome_unknown", NOT_UNDERSTOOD)
    return mid


def form_of(parts: Mapping[str, Any], attached: Attached) -> tuple[bytes, str]:
    """Return the body and type of a form (RFC 7578) with a file as `filedata`, as the Send API takes one."""
    boundary = secrets.token_hex(16)
    lines: list[bytes] = []
    for name, value in parts.items():
        text = value if isinstance(value, str) else json.dumps(value)
        lines += [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()]
    name = attached.name.encode("ascii", "replace").decode().replace('"', "'")
    head = (
        f'Content-Disposition: form-data; name="filedata"; filename="{name}"\r\nContent-Type: {attached.content_type}'
    )
    lines += [f"--{boundary}\r\n{head}\r\n\r\n".encode(), attached.content, f"\r\n--{boundary}--\r\n".encode()]
    return b"".join(lines), f"multipart/form-data; boundary={boundary}"


def sign_in(page: MessengerPage, *, seconds: float) -> None:
    """Ask whose token it is; Refused when it is no token, or another page's."""
    owner = ask(page, "GET", "me", query={"fields": "id,name"}, seconds=seconds)
    if owner.get("id") != page.page_id:
        raise Refused("authentication", "The access token belongs to another page, or to a person.")
