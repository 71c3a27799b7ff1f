"""Mailgun as the postbox speaks it."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

from workflows.messaging.postbox.ledger import Entry
from workflows.messaging.postbox.mail_services.base import (
    FILE_TYPE,
    PlayedService,
    Posted,
    Refusal,
    Told,
    addresses_in,
    as_bytes,
    mime_of,
)
from workflows.messaging.postbox.mail_services.keys import WEBHOOK_SECRET
from workflows.messaging.postbox.wire import Request

PATH = re.compile(r"/v3/([^/]+\.[^/]+)/(messages|events)")
EVENTS: Mapping[str, Mapping[str, Any]] = {
    "delivered": {"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}},
    "opened": {"event": "opened", "client-info": {"user-agent": "Postbox"}},
    "clicked": {"event": "clicked", "client-info": {"user-agent": "Postbox"}},
    "bounced": {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "delivery-status": {"code": 550, "message": "5.1.1 No such mailbox"},
    },
    "returned": {
        "event": "failed",
        "severity": "permanent",
        "reason": "generic",
        "delivery-status": {"code": 452, "message": "4.2.2 The mailbox is full"},
    },
    "complained": {"event": "complained"},
    "unsubscribed": {"event": "unsubscribed"},
}


class PlayedMailgun(PlayedService):
    name = "mailgun"

    def concerns(self, request: Request) -> bool:
        return PATH.fullmatch(request.path) is not None

    def is_mail(self, request: Request) -> bool:
        return request.method == "POST" and request.path.endswith("/messages")

    def post(self, request: Request) -> Posted:
        domain = checked_domain(request)
        form, files = form_of(request)
        sender, to, cc, bcc = (", ".join(form.get(name, ())) for name in ("from", "to", "cc", "bcc"))
        for name, value in (("from", sender), ("to", to)):
            if not addresses_in(value):
                raise Refusal(400, {"message": f"{name} parameter is missing or not a valid address"})
        headers = {name[2:]: values[-1] for name, values in form.items() if name.startswith("h:")}
        reply_to = headers.pop("Reply-To", "")
        own = next((name for name in headers if name.lower() == "message-id"), None)
        number = headers[own] if own else f"<{secrets.token_hex(12)}@{domain}>"
        source = mime_of(
            sender=sender,
            to=to,
            cc=cc,
            reply_to=reply_to,
            subject=form.get("subject", [""])[0],
            text=form.get("text", [""])[0],
            html=form.get("html", [""])[0],
            headers=headers if own else {**headers, "Message-Id": number},
            files=files,
        )
        return Posted(
            source=source,
            sender=addresses_in(sender)[0],
            recipients=addresses_in(to, cc, bcc),
            id=number,
            metadata={name[2:]: values[-1] for name, values in form.items() if name.startswith("v:")},
            status=200,
            answer=as_bytes({"id": number, "message": "Queued. Thank you."}),
        )

    def answer(self, request: Request, mails: Sequence[Entry]) -> Any:
        checked_domain(request)
        if not request.path.endswith("/events"):
            raise Refusal(405, {"message": "Method not allowed"})
        wanted = request.query.get("message-id", "").strip("<>")
        found = [dict(each.headers) for each in mails if each.key.strip("<>") == wanted]
        items = [
            {
                "event": "accepted",
                "message": {"headers": {"message-id": wanted}},
                "user-variables": json.loads(about["Postbox-Metadata"]),
            }
            for about in found
        ]
        return {"items": items, "paging": {}}

    def tell(self, happening: str, mail: Told, *, url: str) -> tuple[Mapping[str, str], bytes]:
        timestamp, token = str(int(time.time())), secrets.token_hex(25)
        signature = hmac.new(WEBHOOK_SECRET.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
        data = {
            **EVENTS[happening],
            "id": secrets.token_urlsafe(16),
            "timestamp": time.time(),
            "recipient": mail.recipient,
            "message": {"headers": {"message-id": mail.message_id, "to": mail.recipient, "subject": mail.subject}},
            "user-variables": dict(mail.metadata),
            **({"url": url} if happening == "clicked" else {}),
        }
        signed = {"timestamp": timestamp, "token": token, "signature": signature}
        return {"Content-Type": "application/json"}, json.dumps({"signature": signed, "event-data": data}).encode()


def checked_domain(request: Request) -> str:
    """Return the domain that a request is about, or refuse one without an API key."""
    match = PATH.fullmatch(request.path)
    assert match is not None
    try:
        user = base64.b64decode(request.header("authorization").removeprefix("Basic "), validate=True).decode()
    except (ValueError, binascii.Error):
        user = ""
    if not user.removeprefix("api:") or not user.startswith("api:"):
        raise Refusal(401, {"message": "Invalid private key"})
    return match[1]


def form_of(request: Request) -> tuple[dict[str, list[str]], list[tuple[str, str, bytes]]]:
    """Return the fields and files of a form, however it is packed."""
    fields: dict[str, list[str]] = {}
    kind = request.header("content-type")
    if not kind.startswith("multipart/form-data"):
        for name, value in parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True):
            fields.setdefault(name, []).append(value)
        return fields, []
    files = []
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    for part in BytesParser(policy=policy.HTTP).parsebytes(head + request.body).iter_parts():
        content, name = content_of_part(part), str(part.get_param("name", header="content-disposition") or "")
        if file_name := part.get_filename():
            files.append((file_name, part.get("Content-Type", FILE_TYPE), content))
        else:
            fields.setdefault(name, []).append(content.decode("utf-8", "replace"))
    return fields, files


def content_of_part(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
