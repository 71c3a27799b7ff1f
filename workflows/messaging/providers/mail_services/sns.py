"""Amazon's notifications (SNS): whether they are genuine, and how a subscription is confirmed.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from workflows.messaging.outbound import SentUnknown
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.providers.mail_services.callbacks import Callback, Forged, read_json
from workflows.messaging.providers.mail_services.door import ask

TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]{5,30}):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
NOTIFICATION, CONFIRMATION = "Notification", "SubscriptionConfirmation"
SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""By type of notification: the fields that its signature covers, in their order."""
HASHES = {"1": SHA1, "2": SHA256}
"""By version of the signature."""


def verified(callback: Callback, *, topic_arn: str, is_postbox: bool) -> Mapping[str, str]:
    """Return a notification of the topic; Forged unless Amazon signed it.

    Amazon signs for whoever has a topic, so that another's topic is as good as forged. OutboundError when the
    certificate cannot be fetched.
    """
    content = read_json(callback.body)
    topic = TOPIC.fullmatch(topic_arn)
    if not isinstance(content, dict) or topic is None or content.get("TopicArn") != topic_arn:
        raise Forged
    fields = {name: value for name, value in content.items() if isinstance(value, str)}
    origin = f"http://{POSTBOX_HOST}" if is_postbox else f"https://{host_of(topic[1])}"
    url = fields.get("SigningCertURL", "")
    if fields.get("Type") not in SIGNED or not is_at(url, origin) or not CERTIFICATE.fullmatch(urlsplit(url).path):
        raise Forged
    if not is_signed(fields, certificate(url), callback):
        raise Forged
    return fields


def confirm(fields: Mapping[str, str], *, topic_arn: str) -> None:
    """Confirm the subscription of a verified notification; raises OutboundError when that does not work."""
    url = fields.get("SubscribeURL", "")
    topic = TOPIC.fullmatch(topic_arn)
    if topic is None or not is_at(url, f"https://{host_of(topic[1])}"):
        raise Forged
    ask("GET", url, headers={})


def host_of(region: str) -> str:
    return f"sns.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def is_at(url: str, origin: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" == origin


def is_signed(fields: Mapping[str, str], found: x509.Certificate | None, callback: Callback) -> bool:
    algorithm = HASHES.get(fields.get("SignatureVersion", ""))
    if found is None or algorithm is None:
        return False
    if not found.not_valid_before_utc <= callback.now <= found.not_valid_after_utc:
        return False
    key = found.public_key()
    text = "".join(f"{name}\n{fields[name]}\n" for name in SIGNED[fields["Type"]] if name in fields)
    try:
        signature = base64.b64decode(fields.get("Signature", ""), validate=True)
        assert isinstance(key, RSAPublicKey)
        key.verify(signature, text.encode("utf-8", "replace"), PKCS1v15(), algorithm())
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=32)
def certificate(url: str) -> x509.Certificate | None:
    """Fetch a certificate; None when there is no such one."""
    answer = ask("GET", url, headers={})
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SentUnknown("unavailable", "Amazon's certificate cannot be fetched.")
    try:
        found = x509.load_pem_x509_certificate(answer.body)
    except ValueError:
        return None
    return found if isinstance(found.public_key(), RSAPublicKey) else None


def message_of(fields: Mapping[str, str]) -> Any:
    """Return what a notification carries."""
    return read_json(fields.get("Message", "").encode("utf-8", "replace"))
