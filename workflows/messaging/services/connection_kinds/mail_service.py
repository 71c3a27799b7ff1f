"""What all mail services have in common."""

from accounts.problems import Problem
from workflows.messaging.models import Connection
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.providers.mail_services import ServiceAccount, sign_in

SENDGRID_HOSTS = ("api.sendgrid.com", "api.eu.sendgrid.com", POSTBOX_HOST)
MAILGUN_HOSTS = ("api.mailgun.net", "api.eu.mailgun.net", POSTBOX_HOST)
POSTMARK_HOSTS = ("api.postmarkapp.com", POSTBOX_HOST)
SES_HOSTS = ("amazonaws.com", POSTBOX_HOST)


def try_out(connection: Connection) -> None:
    """Ask the service for something that needs the key, send nothing; raises NotSent or SentUnknown."""
    sign_in(ServiceAccount.of(connection))


def callback(connection: Connection) -> dict[str, str]:
    """Return the address that people paste into the service's settings."""
    return {"url": ServiceAccount.of(connection).callback_url}


def invalid(name: str, detail: str) -> Problem:
    return Problem("invalid", detail, f"settings.{name}")
