"""The demo account's way outside: a mail server that is the postbox, and a template."""

from uuid import UUID

from accounts.actors import Actor
from workflows.messaging.models import Connection, EmailTemplate
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.services.smtp_connections import connect_smtp
from workflows.messaging.services.templates import create_template

CONNECTION = "Postbox"
TEMPLATE = "Newsletter offer"
BODY = """\
<p>Hello {{ contact.first_name | default: "there" }},</p>
<p>readers of our newsletter try the reporting module for a month, free of charge:
<a href="https://followthrough.example/reporting">start here</a>.</p>
<p>{{ account.name }}</p>
"""


def connect_postbox(*, account_id: UUID, actor: Actor) -> None:
    """Make the connection to the postbox unless it is there; it holds whatever port the postbox has today."""
    if not Connection.objects.for_account(account_id).filter(name=CONNECTION).exists():
        connect_smtp(account_id=account_id, actor=actor, name=CONNECTION, host=POSTBOX_HOST)


def add_template(*, account_id: UUID, actor: Actor) -> UUID:
    """Return the id of the demo's template, which is made if it is missing."""
    template = EmailTemplate.objects.for_account(account_id).filter(name=TEMPLATE).first()
    if template is None:
        preview = "A month of reporting, free of charge"
        template = create_template(
            account_id=account_id, actor=actor, name=TEMPLATE, preview_text=preview, body_html=BODY
        )
    return template.id
