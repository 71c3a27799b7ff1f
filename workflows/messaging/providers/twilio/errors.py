"""What Twilio's refusals mean: https://www.twilio.com/docs/api/errors."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from workflows.messaging.outbound import NotSent
from workflows.messaging.retry_after import parse_retry_after

UNSUBSCRIBED = 21610
CLASSES = {
    20003: "authentication",  # wrong account SID or auth token
    20005: "authentication",  # the account is not active
    20429: "rate_limited",
    14107: "rate_limited",
    21611: "rate_limited",  # the number has too much in its queue
    21603: "invalid_config",  # no number to send from
    21606: "invalid_config",  # the number cannot send SMS
    21659: "invalid_config",  # not a number of the account
    21660: "invalid_config",  # number and account do not belong together
    10004: "rate_limited",  # too many calls at a time
    21210: "invalid_config",  # the number to call from is not verified
    21212: "invalid_config",  # no number to call from
    21211: "rejected",  # not a phone number
    21214: "rejected",  # cannot be called
    21215: "rejected",  # calls to the country are not enabled
    21216: "rejected",  # calls to the number are not allowed
    21217: "rejected",  # not a phone number
    21219: "rejected",  # a trial account calls verified numbers alone
    21408: "rejected",  # the country is not enabled
    21612: "rejected",  # cannot be reached from that number
    21614: "rejected",  # not a mobile number
    21617: "rejected",  # too long
    UNSUBSCRIBED: "rejected",
}
TEXT_LENGTH = 300


class Refused(NotSent):
    """Twilio answered and did not take the message."""

    def __init__(
        self, error_class: str, message: str, *, code: int = 0, status: int = 0, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(error_class, message)
        self.code = code
        """Twilio's number of the error; 0: it gave none."""
        self.status = status
        self.retry_after = retry_after

    @property
    def is_unsubscribed(self) -> bool:
        """Whether the recipient has sent STOP to the number, as Twilio knows."""
        return self.code == UNSUBSCRIBED


def refusal(status: int, code: int | None, text: str, retry_after: str | None) -> Refused:
    """Return what an answer of 400 or above means, by Twilio's code, else by the status."""
    code = code if code and code != status else 0  # the SDK repeats the status where Twilio gives no code
    wait = parse_retry_after(retry_after, now=datetime.now(tz=UTC))
    shown = f"Twilio answered {status}" + (f", error {code}" if code else "") + (f": {text}" if text else ".")
    return Refused(
        CLASSES.get(code) or class_of(status), shown[:TEXT_LENGTH], code=code, status=status, retry_after=wait
    )


def class_of(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "authentication"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limited"
    return "unavailable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "rejected"
