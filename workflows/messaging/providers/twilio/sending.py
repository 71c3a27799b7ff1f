"""Sending one SMS, and finding one again whose answer was lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest import Client

from workflows.messaging.outbound import SentUnknown
from workflows.messaging.providers.twilio.account import TwilioAccount
from workflows.messaging.providers.twilio.errors import Refused, refusal

LOOKED_AT = 50
"""Messages to one number that are looked through, the newest first."""
CLOCKS_DIFFER = timedelta(seconds=5)
FIRST_ERROR = 400

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that Twilio has taken: its sid, and how many parts it says there are (0: not known yet)."""

    sid: str
    segments: int


def send(
    account: TwilioAccount, *, sender: str, recipient: str, text: str, media_urls: Sequence[str], status_callback: str
) -> Accepted:
    """Hand one message over.

    Refused: Twilio answered and does not have it; NotSent: it was never asked; SentUnknown: nobody can tell.
    """
    options = {"media_url": list(media_urls)} if media_urls else {}
    if text:
        options["body"] = text  # type: ignore[assignment]  # the SDK's parameters are of many types

    def create(client: Client) -> Accepted:
        message = client.messages.create(to=recipient, from_=sender, status_callback=status_callback, **options)
        return Accepted(str(message.sid or ""), int(message.num_segments or 0))

    accepted = answered(account, create)
    if not accepted.sid:
        raise SentUnknown("outcome_unknown", "Twilio's answer cannot be understood.")
    return accepted


def find(account: TwilioAccount, *, sender: str, recipient: str, text: str, since: datetime) -> list[Accepted]:
    """Return the messages with this text that went from one number to the other since a moment, by Twilio's clock."""

    def listed(client: Client) -> list[Accepted]:
        return [
            Accepted(str(message.sid), int(message.num_segments or 0))
            for message in client.messages.list(to=recipient, from_=sender, limit=LOOKED_AT)
            if message.direction != "inbound"
            and (message.body or "").strip() == text.strip()
            and message.date_created is not None
            and message.date_created >= since - CLOCKS_DIFFER
        ]

    return answered(account, listed)


def sign_in(account: TwilioAccount) -> None:
    """Ask for the account itself; Refused when sid and token do not fit, or the account is closed or suspended."""
    status = answered(account, lambda client: client.api.accounts(account.sid).fetch().status)
    if status != "active":
        raise Refused("authentication", f"The account at Twilio is {status}.")


def answered(account: TwilioAccount, ask: Callable[[Client], Answer]) -> Answer:
    """Ask with the SDK and translate what it raises."""
    client = account.client()
    try:
        return ask(client)
    except TwilioRestException as error:
        headers = client.http_client.last_headers
        if error.status < FIRST_ERROR:
            raise SentUnknown("outcome_unknown", "Twilio's answer cannot be understood.") from error
        raise refusal(error.status, error.code, str(error.msg), headers.get("retry-after")) from error
    except TwilioServiceException as error:
        headers = client.http_client.last_headers
        raise refusal(error.status, error.code, error.detail or error.title, headers.get("retry-after")) from error
    except (TwilioException, ValueError, TypeError, AttributeError, KeyError) as error:
        raise SentUnknown("outcome_unknown", "Twilio's answer cannot be understood.") from error
