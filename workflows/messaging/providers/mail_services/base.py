"""What every mail service is asked for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from anymail.backends.base import AnymailBaseBackend
from anymail.exceptions import AnymailAPIError
from django.core.mail import EmailMessage

from workflows.messaging.outbound import Answer, OutboundError, SentUnknown
from workflows.messaging.providers.mail_services.account import ServiceAccount
from workflows.messaging.providers.mail_services.callbacks import Callback, MailEvent, read_json
from workflows.messaging.providers.mail_services.door import ask
from workflows.messaging.providers.mail_services.refusals import refusal
from workflows.messaging.secrets import SecretText

FIRST_ERROR = 400


class MailService(ABC):
    """One mail service: how mails are handed to it, and what its callbacks say."""

    label: ClassVar[str]
    writes_mime: ClassVar[bool] = False
    """Whether it gets the mail as it goes over the wire; the others get its parts, as text."""
    tells_id: ClassVar[bool] = True
    """Whether an answer without the mail's id cannot be that of a service which took it."""
    error_classes: ClassVar[Mapping[str, str]] = {}
    """By the service's own code, where the status of the answer does not say it."""

    @abstractmethod
    def backend(self, account: ServiceAccount) -> AnymailBaseBackend:
        """Return Anymail's backend with the account's key; raises NotSent where there is none."""

    @abstractmethod
    def dress(self, message: EmailMessage, account: ServiceAccount) -> None:
        """Add to a mail what the service alone understands, and switch its own tracking off."""

    @abstractmethod
    def told(self, content: Any) -> tuple[str, str]:
        """Return code and text of a refusal's content (JSON); empty where it has none."""

    @abstractmethod
    def sign_in(self, account: ServiceAccount) -> None:
        """Ask for something that needs the key, send nothing; raises OutboundError when it does not work."""

    @abstractmethod
    def read(self, account: ServiceAccount, callback: Callback, secret: SecretText | None) -> Sequence[MailEvent]:
        """Return what a callback tells; Forged unless it surely comes from the service. `secret`: of its webhooks."""

    def id_in(self, response: Any) -> str:
        """Return the service's id of a mail from its answer, where Anymail does not read it."""
        return ""

    def find(self, account: ServiceAccount, *, key: str, message_id: str) -> str:
        """Return the service's id of a mail whose answer was lost; empty: not found, or it cannot be asked.

        `key` is the id of our message, `message_id` the mail's Message-ID.
        """
        return ""

    def failure(self, error: AnymailAPIError) -> OutboundError:
        """Return what an error of Anymail's means."""
        status = error.status_code or 0
        if status < FIRST_ERROR or error.response is None:
            return SentUnknown("outcome_unknown", f"{self.label}'s answer cannot be understood.")
        code, text = self.told(read_json(error.response.content))
        return refusal(
            self.label,
            status,
            code=code,
            text=text,
            error_class=self.error_classes.get(code, ""),
            retry_after=error.response.headers.get("Retry-After"),
        )

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Make one call besides sending; raises Refused for an answer of 400 or above."""
        answer = ask(method, url, headers=headers, body=body)
        if answer.status_code >= FIRST_ERROR:
            code, text = self.told(read_json(answer.body))
            raise refusal(
                self.label, answer.status_code, code=code, text=text, error_class=self.error_classes.get(code, "")
            )
        return answer
