"""Amazon SES, and the SNS topic that tells of its mails, as the postbox speaks them."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workflows.messaging.postbox import POSTBOX_HOST
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
    header_of,
)
from workflows.messaging.postbox.mail_services.keys import TOPIC_ARN, amazon_key, sign_as_amazon
from workflows.messaging.postbox.wire import Request

SEND, ACCOUNT = "/v2/email/outbound-emails", "/v2/email/account"
CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]+\.pem")
SIGNED = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
BOUNCES = {
    "bounced": ("Permanent", "General", "smtp; 550 5.1.1 No such mailbox"),
    "returned": ("Transient", "MailboxFull", "smtp; 452 4.2.2 The mailbox is full"),
}


class PlayedSes(PlayedService):
    name = "ses"

    def concerns(self, request: Request) -> bool:
        return request.path in {SEND, ACCOUNT} or CERTIFICATE.fullmatch(request.path) is not None

    def is_mail(self, request: Request) -> bool:
        return request.path == SEND

    def post(self, request: Request) -> Posted:
        check(request)
        mail = content_of(request)
        source, destination = decoded(mail["Content"]["Raw"]["Data"]), mail["Destination"]
        recipients = [each for name in ("To", "Cc", "Bcc") for each in destination.get(f"{name}Addresses", ())]
        source = re.sub(rb"\r\n|\r|\n", b"\r\n", source)
        sender = addresses_in(header_of(source, "From"))
        if not sender or not recipients:
            raise Refusal(400, {"message": "Missing final '@domain'"})
        try:
            metadata = json.loads(header_of(source, "X-Metadata") or "{}")
        except ValueError:
            metadata = {}
        number = f"{uuid.uuid4().hex[:16]}-{uuid.uuid4()}-000000"
        return Posted(
            source=source,
            sender=sender[0],
            recipients=recipients,
            id=number,
            metadata=metadata if isinstance(metadata, dict) else {},
            status=200,
            answer=as_bytes({"MessageId": number}),
        )

    def answer(self, request: Request, mails: Sequence[Entry]) -> Any:
        if CERTIFICATE.fullmatch(request.path):
            _, certificate, path = amazon_key()
            if request.path != path:
                raise Refusal(404, {"message": "Not found"})
            return certificate
        check(request)
        return {"SendingEnabled": True, "ProductionAccessEnabled": True, "EnforcementStatus": "HEALTHY"}

    def tell(self, happening: str, mail: Told, *, url: str) -> tuple[Mapping[str, str], bytes]:
        now = datetime.now(tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        _, _, path = amazon_key()
        fields = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": TOPIC_ARN,
            "Message": json.dumps(event_of(happening, mail, url, now)),
            "Timestamp": now,
            "SignatureVersion": "2",
            "SigningCertURL": f"http://{POSTBOX_HOST}{path}",
        }
        fields["Signature"] = sign_as_amazon("".join(f"{name}\n{fields[name]}\n" for name in SIGNED).encode())
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": fields["MessageId"],
        }
        return headers, json.dumps(fields).encode()


def event_of(happening: str, mail: Told, url: str, now: str) -> dict[str, Any]:
    """Return an event as SES publishes it to a topic."""
    headers = [{"name": "X-Metadata", "value": json.dumps(dict(mail.metadata))}]
    about = {"messageId": mail.id, "destination": [mail.recipient], "source": mail.sender, "headers": headers}
    if happening in BOUNCES:
        kind, part, code = BOUNCES[happening]
        who = [{"emailAddress": mail.recipient, "diagnosticCode": code}]
        details = {"bounceType": kind, "bounceSubType": part, "bouncedRecipients": who, "timestamp": now}
        return {"eventType": "Bounce", "mail": about, "bounce": details}
    if happening == "complained":
        details = {"complainedRecipients": [{"emailAddress": mail.recipient}], "timestamp": now}
        return {"eventType": "Complaint", "mail": about, "complaint": details}
    if happening == "delivered":
        details = {"recipients": [mail.recipient], "smtpResponse": "250 OK", "timestamp": now}
        return {"eventType": "Delivery", "mail": about, "delivery": details}
    if happening == "clicked":
        return {"eventType": "Click", "mail": about, "click": {"link": url, "timestamp": now}}
    kind, place = {"opened": ("Open", "open"), "unsubscribed": ("Subscription", "subscription")}[happening]
    return {"eventType": kind, "mail": about, place: {"timestamp": now}}


def check(request: Request) -> None:
    if not request.header("authorization").startswith("AWS4-HMAC-SHA256 Credential="):
        raise Refusal(403, {"message": "The request signature we calculated does not match."})
