"""Django's way to send mail, through an account's own mail server."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from workflows.messaging.mailboxes import bare
from workflows.messaging.outbound import Deadline, NotSent
from workflows.messaging.providers.smtp.pool import pool
from workflows.messaging.providers.smtp.replies import Refused
from workflows.messaging.providers.smtp.server import Server
from workflows.messaging.providers.smtp.session import Delivery

SECONDS = 30.0
"""For everything that one mail does, connecting included."""
CLOSING = 421


class AccountEmailBackend(BaseEmailBackend):
    """An e-mail backend for one mail server, on sessions that are shared and kept."""

    def __init__(self, server: Server, *, seconds: float = SECONDS, **options: Any) -> None:
        super().__init__(**options)
        self.server = server
        self.seconds = seconds

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            self.deliver(message)
        return len(email_messages)

    def deliver(self, message: EmailMessage) -> Delivery:
        """Hand over one mail; see `Session.deliver` for what it raises."""
        deadline = Deadline.after(self.seconds)
        sender, *recipients = map(bare, (message.from_email, *dict.fromkeys(message.recipients())))
        content = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django has it
        while True:
            with pool.session(self.server, deadline) as session:
                is_reused = session.is_reused
                try:
                    return session.deliver(sender, recipients, content, deadline)
                except NotSent as error:
                    if not (is_reused and has_left(error)):
                        raise


def has_left(error: NotSent) -> bool:
    """Tell whether a resting session was ended by the server; a new one may do."""
    return error.code == CLOSING if isinstance(error, Refused) else error.error_class == "network"
