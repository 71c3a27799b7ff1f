"""Postmark as the postbox speaks it."""

import base64
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workflows.messaging.postbox.ledger import Entry
from workflows.messaging.postbox.mail_services.base import (
    PlayedService,
    Posted,
    Refusal,
    Told,
    addresses_in,
    as_bytes,
    content_of,
    decoded,
    mime_of,
)
from workflows.messaging.postbox.mail_services.keys import WEBHOOK_SECRET
from workflows.messaging.postbox.wire import Request

STREAM = re.compile(r"/message-streams/([a-z0-9_-]+)")
METADATA = "metadata_"
EVENTS: Mapping[str, Mapping[str, Any]] = {
    "delivered": {"RecordType": "Delivery", "Details": "250 OK"},
    "opened": {"RecordType": "Open", "FirstOpen": True, "UserAgent": "Postbox"},
    "clicked": {"RecordType": "Click", "ClickLocation": "HTML", "UserAgent": "Postbox"},
    "bounced": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Details": "550 No such mailbox"},
    "returned": {"RecordType": "Bounce", "Type": "SoftBounce", "TypeCode": 4096, "Details": "452 The mailbox is full"},
    "complained": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512},
    "unsubscribed": {
        "RecordType": "SubscriptionChange",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
    },
}
TIMES = {
    "Delivery": "DeliveredAt",
    "Bounce": "BouncedAt",
    "SpamComplaint": "BouncedAt",
    "SubscriptionChange": "ChangedAt",
}


class PlayedPostmark(PlayedService):
    name = "postmark"

    def concerns(self, request: Request) -> bool:
        return request.path in {"/email", "/messages/outbound"} or STREAM.fullmatch(request.path) is not None

    def is_mail(self, request: Request) -> bool:
        return request.path == "/email"

    def post(self, request: Request) -> Posted:
        check(request)
        mail = content_of(request)
        sender, to, cc, bcc, reply_to = (str(mail.get(name, "")) for name in ("From", "To", "Cc", "Bcc", "ReplyTo"))
        if not addresses_in(sender) or not addresses_in(to):
            raise Refusal(422, failed(300, "Invalid 'From' or 'To' address."))
        headers = {each["Name"]: each["Value"] for each in mail.get("Headers", ())}
        files = [(each["Name"], each["ContentType"], decoded(each["Content"])) for each in mail.get("Attachments", ())]
        number = str(uuid.uuid4())
        if headers.pop("X-PM-KeepID", "") != "true":
            headers["Message-ID"] = f"<{number}@mtasv.net>"
        source = mime_of(
            sender=sender,
            to=to,
            cc=cc,
            reply_to=reply_to,
            subject=mail.get("Subject", ""),
            text=mail.get("TextBody", ""),
            html=mail.get("HtmlBody", ""),
            headers=headers,
            files=files,
        )
        answer = {"To": to, "SubmittedAt": now(), "MessageID": number, "ErrorCode": 0, "Message": "OK"}
        return Posted(
            source=source,
            sender=addresses_in(sender)[0],
            recipients=addresses_in(to, cc, bcc),
            id=number,
            metadata=mail.get("Metadata", {}),
            status=200,
            answer=as_bytes(answer),
        )

    def answer(self, request: Request, mails: Sequence[Entry]) -> Any:
        check(request)
        if stream := STREAM.fullmatch(request.path):
            return {"ID": stream[1], "Name": stream[1], "MessageStreamType": "Transactional"}
        wanted = {
            name.removeprefix(METADATA): value for name, value in request.query.items() if name.startswith(METADATA)
        }
        about = [dict(each.headers) for each in mails]
        found = [each for each in about if wanted.items() <= json.loads(each["Postbox-Metadata"]).items()]
        size = int(request.query.get("count", "1")) if request.query.get("count", "1").isdecimal() else 1
        messages = [{"MessageID": each["Postbox-Id"], "Metadata": wanted, "Status": "Sent"} for each in found[:size]]
        return {"TotalCount": len(found), "Messages": messages}

    def tell(self, happening: str, mail: Told, *, url: str) -> tuple[Mapping[str, str], bytes]:
        event = {
            **EVENTS[happening],
            "MessageID": mail.id,
            "Recipient": mail.recipient,
            "Email": mail.recipient,
            "Metadata": dict(mail.metadata),
            "MessageStream": "outbound",
            TIMES.get(EVENTS[happening]["RecordType"], "ReceivedAt"): now(),
            **({"OriginalLink": url} if happening == "clicked" else {}),
        }
        user = base64.b64encode(f"postbox:{WEBHOOK_SECRET}".encode()).decode()
        return {"Content-Type": "application/json", "Authorization": f"Basic {user}"}, json.dumps(event).encode()

    def refused(self, status: int) -> Any:
        return failed(10 if status == 401 else 300, f"Refused by the postbox ({status})")  # noqa: PLR2004


def check(request: Request) -> None:
    if not request.header("x-postmark-server-token").strip():
        raise Refusal(401, failed(10, "No Account or Server API tokens were supplied in the HTTP headers."))


def failed(code: int, message: str) -> Any:
    return {"ErrorCode": code, "Message": message}


def now() -> str:
    return datetime.now(tz=UTC).isoformat()
