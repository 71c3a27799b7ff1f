"""Django's own mails (to owners of workflows) in development: into the postbox, wherever it listens today."""

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from workflows.messaging.postbox import Address


class PostboxBackend(EmailBackend):
    """SMTP to the postbox of this data directory."""

    def open(self) -> bool | None:
        postbox = Address.of(settings.DATA_DIR)
        if postbox is None:
            raise ConnectionRefusedError("The postbox has not been started.")
        self.host, self.port = postbox.host, postbox.smtp
        return super().open()
