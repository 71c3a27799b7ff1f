"""The demo account's way outside: a mail server, a mail service and Twilio, which the postbox plays; a template."""

from uuid import UUID

from accounts.actors import Actor
from workflows.messaging.models import Connection, ConnectionKind, EmailTemplate
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.postbox.mail_services import verification_key
from workflows.messaging.services.connections import create_connection
from workflows.messaging.services.mail_connections import connect_smtp
from workflows.messaging.services.templates import create_template

CONNECTION = "Postbox"
MAIL_SERVICE = "Postbox mail service"
SMS_CONNECTION = "Postbox phones"
SMS_NUMBER = "+14155550100"
SMS_SETTINGS = {
    "account_sid": "AC" + "0" * 32,
    "api_host": POSTBOX_HOST,
    "numbers": [{"number": SMS_NUMBER, "types": ["sms", "voice"]}],
}
TEMPLATE = "Newsletter offer"
BODY = """\
<p>Hello {{ contact.first_name | default: "there" }},</p>
<p>readers of our newsletter try the reporting module for a month, free of charge:
<a href="https://followthrough.example/reporting">start here</a>.</p>
<p>{{ account.name }}</p>
"""


def connect_postbox(*, account_id: UUID, actor: Actor) -> None:
    """Make the connections to the postbox that are missing; they hold whatever port the postbox has today."""
    names = set(Connection.objects.for_account(account_id).values_list("name", flat=True))
    if CONNECTION not in names:
        connect_smtp(account_id=account_id, actor=actor, name=CONNECTION, host=POSTBOX_HOST)
    if MAIL_SERVICE not in names:
        create_connection(
            account_id=account_id,
            actor=actor,
            kind=ConnectionKind.SENDGRID,
            name=MAIL_SERVICE,
            settings={"api_host": POSTBOX_HOST, "verification_key": verification_key()},
            password="demo API key",  # noqa: S106 - of the postbox, which takes any
        )
    if SMS_CONNECTION not in names:
        create_connection(
            account_id=account_id,
            actor=actor,
            kind=ConnectionKind.TWILIO,
            name=SMS_CONNECTION,
            settings=SMS_SETTINGS,
            password="demo auth token",  # noqa: S106 - of the postbox, which takes any
        )


def add_template(*, account_id: UUID, actor: Actor) -> UUID:
    """Return the id of the demo's template, which is made if it is missing."""
    template = EmailTemplate.objects.for_account(account_id).filter(name=TEMPLATE).first()
    if template is None:
        preview = "A month of reporting, free of charge"
        template = create_template(
            account_id=account_id, actor=actor, name=TEMPLATE, preview_text=preview, body_html=BODY
        )
    return template.id
