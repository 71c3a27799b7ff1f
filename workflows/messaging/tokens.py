"""Signed tokens for links of mails and files of calls: nobody can guess or change one, none opens anything else."""

import base64
import binascii
import zlib
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.core.signing import BadSignature, Signer

ID_BYTES = 16
DAY_BYTES = 4
PLAIN, PACKED = b"p", b"z"


class BadToken(Exception):
    """The token is not one of ours."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The mail that a token belongs to."""

    account_id: UUID
    contact_id: UUID
    message_id: UUID

    def as_bytes(self) -> bytes:
        return self.account_id.bytes + self.contact_id.bytes + self.message_id.bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sent":
        first, second, third = (data[start : start + ID_BYTES] for start in (0, ID_BYTES, 2 * ID_BYTES))
        return cls(UUID(bytes=first), UUID(bytes=second), UUID(bytes=third))


def open_token(sent: Sent) -> str:
    return write("open", sent.as_bytes())


def click_token(sent: Sent, url: str) -> str:
    """Return a token that holds the address it leads to."""
    plain = url.encode()
    packed = zlib.compress(plain, 9)
    tail = PACKED + packed if len(packed) < len(plain) else PLAIN + plain
    return write("click", sent.as_bytes() + tail)


def unsubscribe_token(sent: Sent) -> str:
    return write("unsubscribe", sent.as_bytes())


def read_open_token(token: str) -> Sent:
    """Return the mail, or raise BadToken."""
    return Sent.from_bytes(read("open", token))


def read_click_token(token: str) -> tuple[Sent, str]:
    """Return the mail and the address, or raise BadToken."""
    data = read("click", token)
    kind, tail = data[3 * ID_BYTES : 3 * ID_BYTES + 1], data[3 * ID_BYTES + 1 :]
    return Sent.from_bytes(data), (zlib.decompress(tail) if kind == PACKED else tail).decode()


def read_unsubscribe_token(token: str) -> Sent:
    """Return the mail, or raise BadToken."""
    return Sent.from_bytes(read("unsubscribe", token))


def audio_token(account_id: UUID, media_id: UUID, last_day: date) -> str:
    """Return a token for a sound file that calls play; the same for all calls of a day."""
    return write("audio", account_id.bytes + media_id.bytes + last_day.toordinal().to_bytes(DAY_BYTES))


def read_audio_token(token: str, *, today: date) -> tuple[UUID, UUID]:
    """Return (account, file), or raise BadToken: also when its last day is over."""
    data = read("audio", token)
    if today.toordinal() > int.from_bytes(data[2 * ID_BYTES :]):
        raise BadToken
    return UUID(bytes=data[:ID_BYTES]), UUID(bytes=data[ID_BYTES : 2 * ID_BYTES])


def write(purpose: str, data: bytes) -> str:
    return signer(purpose).sign(base64.urlsafe_b64encode(data).rstrip(b"=").decode())


def read(purpose: str, token: str) -> bytes:
    try:
        text = signer(purpose).unsign(token)
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (BadSignature, binascii.Error, ValueError) as error:
        raise BadToken from error


def signer(purpose: str) -> Signer:
    return Signer(salt=f"messaging.{purpose}", sep=".")
