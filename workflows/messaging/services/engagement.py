"""What contacts do with their mails: open them, follow links, unsubscribe."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction

from accounts.models import Account
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Channel, Consent, ConsentState, Contact
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.messaging.models import Message
from workflows.messaging.tokens import Sent

SOURCE = "tracking"
"""Of the events: their ids make each opening and each link of a mail count once."""


def record_open(*, sent: Sent, now: datetime) -> None:
    """Count an opening; the first one is the event `email_opened`."""
    with transaction.atomic():
        is_present = lock_contact(sent)
        message = touch(sent, now, opens=1)
        if message is not None and is_present:
            event(sent, "email_opened", f"{sent.message_id}/opened", {"subject": message.subject}, now)


def record_click(*, sent: Sent, url: str, now: datetime) -> None:
    """Count a followed link; the first time that each link is followed is the event `email_clicked`.

    Who follows a link has opened the mail, though its images may never have been loaded.
    """
    with transaction.atomic():
        is_present = lock_contact(sent)
        message = touch(sent, now, clicks=1)
        if message is not None and is_present:
            event(sent, "email_opened", f"{sent.message_id}/opened", {"subject": message.subject}, now)
            data = {"subject": message.subject, "url": url}
            event(sent, "email_clicked", click_id(sent, url), data, now)


def click_id(sent: Sent, url: str) -> str:
    """Return the id of the event that a link of a mail was followed."""
    return f"{sent.message_id}/clicked/{hashlib.sha256(url.encode()).hexdigest()[:32]}"


def unsubscribe(*, sent: Sent, now: datetime) -> None:
    """Opt the contact out of e-mail; once more changes nothing. A deleted contact is left alone."""
    with transaction.atomic():
        if not lock_contact(sent):
            return
        change = ConsentChange(
            contact_id=sent.contact_id,
            channel=Channel.EMAIL,
            state=ConsentState.OPT_OUT,
            recorded_at=now,
            evidence=f"Unsubscribe link of the e-mail {sent.message_id}",
        )
        if not is_unsubscribed(sent):
            set_consents(account_id=sent.account_id, changes=[change], now=now)


def is_unsubscribed(sent: Sent) -> bool:
    """Tell whether the contact of a mail is opted out of e-mail."""
    consents = Consent.objects.for_account(sent.account_id).filter(contact_id=sent.contact_id, channel=Channel.EMAIL)
    return consents.filter(state=ConsentState.OPT_OUT).exists()


def sender_name(sent: Sent) -> str:
    """Return the name of the account that sent a mail; empty when it is gone."""
    return Account.objects.filter(id=sent.account_id).values_list("name", flat=True).first() or ""


def lock_contact(sent: Sent) -> bool:
    """Lock the contact of a mail; False when it is gone."""
    contacts = Contact.objects.for_account(sent.account_id).present().filter(id=sent.contact_id)
    return contacts.select_for_update(no_key=True).values_list("id").first() is not None


def touch(sent: Sent, now: datetime, *, opens: int = 0, clicks: int = 0) -> Message | None:
    """Count on the mail and move its status forward, never back; None when there is no such mail."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message
            SET opens = LEAST(opens + %(opens)s, 2147483646), clicks = LEAST(clicks + %(clicks)s, 2147483646),
                opened_at = COALESCE(opened_at, %(now)s),
                clicked_at = CASE WHEN %(clicks)s > 0 THEN COALESCE(clicked_at, %(now)s) ELSE clicked_at END,
                status = CASE
                    WHEN %(clicks)s > 0 AND status IN ('queued', 'sent', 'delivered', 'opened') THEN 'clicked'
                    WHEN status IN ('queued', 'sent', 'delivered') THEN 'opened'
                    ELSE status
                END,
                updated_at = %(now)s
            WHERE account_id = %(account_id)s AND id = %(message_id)s AND contact_id = %(contact_id)s
            """,
            {
                "opens": opens,
                "clicks": clicks,
                "now": now,
                "account_id": sent.account_id,
                "message_id": sent.message_id,
                "contact_id": sent.contact_id,
            },
        )
    return Message.objects.for_account(sent.account_id).filter(id=sent.message_id, contact_id=sent.contact_id).first()


def event(sent: Sent, event_type: str, event_id: str, data: Mapping[str, str], now: datetime) -> None:
    facts = {"message_id": str(sent.message_id), **data}
    new = NewEvent(sent.contact_id, event_type, facts, source=SOURCE, event_id=event_id)
    record_events(account_id=sent.account_id, events=[new], now=now)
