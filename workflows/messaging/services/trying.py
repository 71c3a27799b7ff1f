"""E-mail templates tried out: a look at what a contact would get, and a mail to oneself."""

from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from accounts import audit
from accounts.actors import Actor
from accounts.models import Account
from accounts.problems import Invalid, Missing, Problem
from workflows.crm.copies import ContactCopy, ContactView
from workflows.crm.services.locking import read_contacts
from workflows.messaging import mime
from workflows.messaging.composing import MAXIMUM_SUBJECT_LENGTH, Dressing, Mail, MailSource, Unsendable, compose
from workflows.messaging.models import EmailTemplate
from workflows.messaging.outbound import OutboundError
from workflows.messaging.providers.mail import hand_over, way_out, write
from workflows.messaging.services.mail_connections import choose_mail
from workflows.messaging.tokens import Sent
from workflows.templating import RenderProblem, TemplateProblem, Work

NOBODY = UUID(int=0)
"""The contact of the links in such mails: unsubscribing there unsubscribes nobody."""
SECONDS = 15.0
MARK = "[Test] "


def preview_template(*, account_id: UUID, template_id: UUID, contact_id: UUID, now: datetime) -> Mail:
    """Return the mail as the contact would get it, or raise Invalid when the template cannot be rendered for them."""
    contact = find_contact(account_id, contact_id)
    return rendered(account_id, find_template(account_id, template_id), contact, now)


def send_test(
    *,
    account_id: UUID,
    actor: Actor,
    template_id: UUID,
    to: str,
    contact_id: UUID | None = None,
    connection_id: UUID | None = None,
    from_email: str | None = None,
    now: datetime,
) -> str:
    """Send the mail to an address of one's own, marked as a test; return what went wrong, empty when nothing did.

    It is rendered for the contact given, else for one of whom nothing but the address is known. Makes a call to the
    mail server; not to be used within a transaction.
    """
    template = find_template(account_id, template_id)
    contact = find_contact(account_id, contact_id) if contact_id else ContactCopy(NOBODY, account_id, email=to)
    connection = choose_mail(account_id=account_id, connection_id=connection_id)
    if connection is None:
        detail = "There is no such enabled connection to a mail server or service; add one at /connections."
        raise Invalid(Problem("connection_not_found", detail, "connection_id"))
    mail = rendered(account_id, template, contact, now)
    sender = from_email or to
    key = uuid7()
    payload = {
        **way_out(connection),
        "subject": (MARK + mail.subject)[:MAXIMUM_SUBJECT_LENGTH],
        "html": mail.html,
        "text": mail.text,
        "headers": {},
        "from": [account_name(account_id), sender],
        "to": ["", to],
        "reply_to": "",
        "cc": [],
        "bcc": [],
        "attachments": [],
        "message_id": mime.message_id(key, sender),
    }
    try:
        hand_over(payload, write(payload), key=str(key), seconds=SECONDS)
    except OutboundError as error:
        return error.message
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="email_template.test_sent",
        object_type="email_template",
        object_id=template.id,
        after={"to": to, "connection_id": str(connection.id)},
    )
    return ""


def rendered(account_id: UUID, template: EmailTemplate, contact: ContactCopy, now: datetime) -> Mail:
    account = Account.objects.get(id=account_id)
    context: dict[str, Any] = {
        "contact": ContactView(contact),
        "account": {"id": str(account.id), "name": account.name, "timezone": account.timezone},
        "workflow": {},
        "execution": {},
        "trigger": {},
        "steps": {},
        "template_name": template.name,
        "now": now,
    }
    source = MailSource(
        template.subject.strip() or "{{ template_name }}",
        template.body_html,
        template.body_text,
        template.preview_text,
    )
    sent = Sent(account_id, NOBODY, NOBODY)
    try:
        return compose(source, context, sent=sent, dressing=Dressing(account.name, is_marketing=True), work=Work())
    except TemplateProblem as problem:
        raise Invalid(Problem("invalid_template", f"{problem.message} (line {problem.line})")) from problem
    except (RenderProblem, Unsendable) as problem:
        raise Invalid(Problem("invalid_template", str(problem))) from problem


def find_template(account_id: UUID, template_id: UUID) -> EmailTemplate:
    template = EmailTemplate.objects.for_account(account_id).filter(id=template_id).first()
    if template is None:
        raise Missing
    return template


def find_contact(account_id: UUID, contact_id: UUID) -> ContactCopy:
    contacts = read_contacts(account_id=account_id, contact_ids=[contact_id])
    if not contacts:
        raise Invalid(Problem("contact_not_found", "There is no such contact in this account.", "contact_id"))
    return contacts[contact_id]


def account_name(account_id: UUID) -> str:
    return Account.objects.values_list("name", flat=True).get(id=account_id)
