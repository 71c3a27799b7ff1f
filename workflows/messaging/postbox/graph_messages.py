"""What a page sends to the Graph API, read: JSON or a form, whatever is in it."""

import json
from collections.abc import Mapping
from email.parser import BytesParser
from typing import Any

from workflows.messaging.postbox.wire import Request


def message_of(request: Request) -> dict[str, Any]:
    """Return what is to be sent, from JSON or a form; a file is not in it."""
    content_type = request.header("content-type")
    if content_type.startswith("multipart/form-data"):
        parts = {name: content for name, _, content in form_parts(content_type, request.body)}
        data: Any = {name: read_json(content) for name, content in parts.items() if name != "filedata"}
    else:
        data = read_json(request.body)
    return data if isinstance(data, dict) else {}


def form_parts(content_type: str, body: bytes) -> list[tuple[str, str, bytes]]:
    """Return (name, content type, content) of each part of a form."""
    form = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace") + body)
    parts = [part for part in form.walk() if not part.is_multipart()] if form.is_multipart() else []
    return [
        (
            str(part.get_param("name", "", header="content-disposition")),
            part.get_content_type(),
            content if isinstance(content := part.get_payload(decode=True), bytes) else b"",
        )
        for part in parts
    ]


def read_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")


def person_of(sent: Mapping[str, Any]) -> str:
    recipient = sent.get("recipient")
    person = recipient.get("id") if isinstance(recipient, dict) else None
    return person if isinstance(person, str) else ""


def shown_text(sent: Mapping[str, Any]) -> str:
    """Return what a list shows of a message."""
    message = sent.get("message")
    if not isinstance(message, dict):
        return ""
    if isinstance(message.get("text"), str):
        return message["text"]
    payload = attached(message)
    elements = payload.get("elements")
    titles = (
        [str(card.get("title", "")) for card in elements if isinstance(card, dict)]
        if isinstance(elements, list)
        else []
    )
    return str(payload.get("text") or ", ".join(titles) or payload.get("url") or "(a picture)")


def attached(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of a message's attachment, empty where there is none."""
    attachment = message.get("attachment")
    payload = attachment.get("payload") if isinstance(attachment, dict) else None
    return payload if isinstance(payload, dict) else {}
