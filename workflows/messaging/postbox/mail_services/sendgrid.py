"""SendGrid as the postbox speaks it."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from email.headerregistry import Address
from typing import Any

from workflows.messaging.postbox.ledger import Entry
from workflows.messaging.postbox.mail_services.base import (
    PlayedService,
    Posted,
    Refusal,
    Told,
    addresses_in,
    content_of,
    decoded,
    mime_of,
)
from workflows.messaging.postbox.mail_services.keys import sign_as_sendgrid
from workflows.messaging.postbox.wire import Request

EVENTS = {
    "delivered": {"event": "delivered", "response": "250 OK"},
    "opened": {"event": "open", "useragent": "Postbox"},
    "clicked": {"event": "click", "useragent": "Postbox"},
    "bounced": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such mailbox"},
    "returned": {"event": "bounce", "type": "blocked", "status": "4.2.2", "reason": "452 4.2.2 The mailbox is full"},
    "complained": {"event": "spamreport"},
    "unsubscribed": {"event": "unsubscribe"},
}


class PlayedSendGrid(PlayedService):
    name = "sendgrid"

    def concerns(self, request: Request) -> bool:
        return request.path in {"/v3/mail/send", "/v3/scopes"}

    def is_mail(self, request: Request) -> bool:
        return request.path == "/v3/mail/send"

    def post(self, request: Request) -> Posted:
        check(request)
        mail = content_of(request)
        (person,) = mail["personalizations"]
        sender, to = written([mail["from"]]), written(person["to"])
        content = {each["type"]: each["value"] for each in mail["content"]}
        files = [(each["filename"], each["type"], decoded(each["content"])) for each in mail.get("attachments", ())]
        copies, hidden = written(person.get("cc", ())), written(person.get("bcc", ()))
        if not addresses_in(to):
            raise Refusal(400, errors("Does not contain a valid address."))
        source = mime_of(
            sender=sender,
            to=to,
            cc=copies,
            reply_to=written(mail.get("reply_to_list", ())),
            subject=mail.get("subject", ""),
            text=content.get("text/plain", ""),
            html=content.get("text/html", ""),
            headers=mail.get("headers", {}),
            files=files,
        )
        number = secrets.token_urlsafe(16)
        return Posted(
            source=source,
            sender=addresses_in(sender)[0],
            recipients=addresses_in(to, copies, hidden),
            id=number,
            metadata={**mail.get("custom_args", {}), **person.get("custom_args", {})},
            status=202,
            answer=b"",
            headers={"X-Message-Id": number},
        )

    def answer(self, request: Request, mails: Sequence[Entry]) -> Any:
        check(request)
        return {"scopes": ["mail.send"]}

    def tell(self, happening: str, mail: Told, *, url: str) -> tuple[Mapping[str, str], bytes]:
        event = {
            **mail.metadata,
            "email": mail.recipient,
            "timestamp": int(time.time()),
            "smtp-id": f"<{mail.message_id}>",
            "sg_event_id": secrets.token_urlsafe(16),
            "sg_message_id": f"{mail.id}.postbox",
            **EVENTS[happening],
            **({"url": url} if happening == "clicked" else {}),
        }
        body, timestamp = json.dumps([event]).encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "X-Twilio-Email-Event-Webhook-Signature": sign_as_sendgrid(timestamp.encode() + body),
        }
        return headers, body

    def refused(self, status: int) -> Any:
        return errors(f"Refused by the postbox ({status})")


def check(request: Request) -> None:
    if not request.header("authorization").removeprefix("Bearer ").strip():
        raise Refusal(401, errors("The provided authorization grant is invalid, expired, or revoked"))


def written(people: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(str(Address(each.get("name", ""), addr_spec=each["email"])) for each in people)


def errors(message: str) -> Any:
    return {"errors": [{"message": message, "field": None, "help": None}]}
