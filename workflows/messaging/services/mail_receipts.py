"""What mail services tell of mails that they took. A status never goes back, in whatever order callbacks come."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from workflows.crm import arrays
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Channel, ConsentState, Event
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.messaging.mailboxes import as_ascii
from workflows.messaging.models import Message, MessageStatus
from workflows.messaging.providers.mail_services import Happening, MailEvent
from workflows.messaging.services.engagement import SOURCE, click_id, lock_contact, record_click, record_open
from workflows.messaging.services.messages import ERROR_LENGTH, ID_LENGTH
from workflows.messaging.tokens import Sent
from workflows.messaging.tracking import public_url

STATUSES = {
    Happening.DELIVERED: MessageStatus.DELIVERED,
    Happening.BOUNCED: MessageStatus.BOUNCED,
    Happening.RETURNED: MessageStatus.FAILED,
    Happening.FAILED: MessageStatus.FAILED,
    Happening.COMPLAINED: MessageStatus.COMPLAINED,
}
"""The others say no more than that the service has the mail."""
BEFORE = {
    MessageStatus.SENT: ("queued",),
    MessageStatus.DELIVERED: ("queued", "sent"),
    MessageStatus.FAILED: ("queued", "sent"),
    MessageStatus.BOUNCED: ("queued", "sent", "delivered"),
    MessageStatus.COMPLAINED: ("queued", "sent", "delivered", "opened", "clicked", "bounced"),
}
"""Which statuses a status may follow; besides `failed`, where it was given up here and the service has it after all."""
BOUNCES = {Happening.BOUNCED: "hard", Happening.RETURNED: "soft"}
OPT_OUTS = {
    Happening.COMPLAINED: "reported the e-mail {} as spam",
    Happening.UNSUBSCRIBED: "unsubscribed from the e-mail {}",
}
"""What counts as the contact's word, as evidence."""
ERRORS = {
    Happening.BOUNCED: "It came back: the address takes no mail.",
    Happening.RETURNED: "It came back, for a reason that may pass.",
    Happening.FAILED: "The mail service did not send it.",
}


@dataclass(frozen=True, slots=True)
class Service:
    """Who tells: a mail service by its name, through one connection."""

    account_id: UUID
    connection_id: UUID
    label: str


def record_mail_event(*, service: Service, event: MailEvent, message_id: UUID | None, now: datetime) -> UUID | None:
    """Bring a mail up to date; return the log row of the step that sent it, None for a mail that is not there.

    What happens to copies says only that the service has the mail. A hard bounce keeps further mail from the address
    (see `dead_addresses`), a complaint opts the contact out. Told twice, it counts once.
    """
    with transaction.atomic():
        message = find_message(service, event, message_id)
        if message is None:
            return None
        sent = Sent(service.account_id, message.contact_id, message.id)
        is_present = lock_contact(sent)
        happening = event.happening if is_about_contact(event, message) else Happening.SENT
        is_news = move_forward(message, happening, event, now)
        if is_news and is_present and happening in BOUNCES:
            tell_of_bounce(sent, message, happening, event, now)
        if is_present and happening in OPT_OUTS:
            opt_out(service, sent, happening, event, now)
        if happening is Happening.OPENED and message.opened_at is None:
            record_open(sent=sent, now=now)
        if happening is Happening.CLICKED and is_news_of_click(sent, event.url):
            record_click(sent=sent, url=event.url, now=now)
        return message.action_execution_id


def dead_addresses(*, account_id: UUID, contact_ids: Collection[UUID]) -> set[tuple[UUID, str]]:
    """Return the contacts' addresses (case-folded) that mail came back from for good; one query.

    An address is alive again for a contact who opts in after it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT message.contact_id, message.recipient
            FROM messaging_message message
            LEFT JOIN crm_consent consent ON consent.contact_id = message.contact_id AND consent.channel = 'email'
                 AND consent.state = 'opt_in' AND consent.recorded_at > message.bounced_at
            WHERE message.contact_id = ANY(%s::uuid[]) AND message.account_id = %s AND message.bounced_at IS NOT NULL
                  AND message.channel = 'email' AND consent.id IS NULL
            """,
            [arrays.ids(contact_ids), account_id],
        )
        return {(contact_id, address.casefold()) for contact_id, address in cursor.fetchall()}


def find_message(service: Service, event: MailEvent, message_id: UUID | None) -> Message | None:
    """Return the mail that an event is about: by our id, else by the service's."""
    mails = Message.objects.for_account(service.account_id).filter(
        connection_id=service.connection_id, channel=Channel.EMAIL
    )
    if message_id is not None:
        return mails.filter(id=message_id).first()
    known = event.provider_message_id and event.recipient
    if not known:
        return None
    return mails.filter(provider_message_id=event.provider_message_id, recipient__iexact=event.recipient).first()


def is_about_contact(event: MailEvent, message: Message) -> bool:
    return not event.recipient or same_address(event.recipient, message.recipient)


def same_address(first: str, second: str) -> bool:
    try:
        return as_ascii(first).casefold() == as_ascii(second).casefold()
    except UnicodeError:
        return first.casefold() == second.casefold()


def move_forward(message: Message, happening: Happening, event: MailEvent, now: datetime) -> bool:
    """Write the status that follows, if it does; say whether it did."""
    status = STATUSES.get(happening, MessageStatus.SENT)
    error = f"{ERRORS[happening]} {event.reason}".strip() if happening in ERRORS else ""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET status = CASE WHEN is_news THEN %(status)s ELSE status END,
                error_message = CASE WHEN is_news THEN %(error)s ELSE error_message END,
                provider_message_id = CASE WHEN sent_at IS NULL AND %(provider_id)s <> '' THEN %(provider_id)s
                                           ELSE provider_message_id END,
                sent_at = COALESCE(sent_at, %(now)s),
                delivered_at = CASE WHEN %(status)s = 'delivered' THEN COALESCE(delivered_at, %(now)s)
                                    ELSE delivered_at END,
                bounced_at = CASE WHEN is_news AND %(status)s = 'bounced' THEN %(now)s ELSE bounced_at END,
                complained_at = CASE WHEN %(status)s = 'complained' THEN COALESCE(complained_at, %(now)s)
                                     ELSE complained_at END,
                updated_at = %(now)s
            FROM (
                SELECT id, status = ANY(%(before)s) OR (status = 'failed' AND sent_at IS NULL) AS is_news
                FROM messaging_message WHERE id = %(id)s AND account_id = %(account_id)s FOR UPDATE
            ) AS wanted
            WHERE message.id = wanted.id
            RETURNING is_news
            """,
            {
                "status": status.value,
                "error": error[:ERROR_LENGTH],
                "provider_id": event.provider_message_id[:ID_LENGTH],
                "before": list(BEFORE[status]),
                "now": now,
                "id": message.id,
                "account_id": message.account_id,
            },
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def tell_of_bounce(sent: Sent, message: Message, happening: Happening, event: MailEvent, now: datetime) -> None:
    data = {
        "message_id": str(message.id),
        "subject": message.subject,
        "email": message.recipient,
        "bounce_type": BOUNCES[happening],
        "reason": event.reason,
    }
    new = NewEvent(sent.contact_id, "email_bounced", data, source=SOURCE, event_id=f"{sent.message_id}/bounced")
    record_events(account_id=sent.account_id, events=[new], now=now)


def opt_out(service: Service, sent: Sent, happening: Happening, event: MailEvent, now: datetime) -> None:
    """Opt the contact out as of when it happened, so that an old callback does not outweigh a newer word."""
    change = ConsentChange(
        contact_id=sent.contact_id,
        channel=Channel.EMAIL,
        state=ConsentState.OPT_OUT,
        recorded_at=min(event.at or now, now),
        evidence=f"{service.label}: {OPT_OUTS[happening].format(sent.message_id)}",
    )
    set_consents(account_id=sent.account_id, changes=[change], now=now)


def is_news_of_click(sent: Sent, url: str) -> bool:
    """Tell whether a followed link is to be recorded: not one of ours, which we see ourselves, and not yet."""
    if not url or url.startswith(public_url("/t/c/")):
        return False
    known = Event.objects.for_account(sent.account_id).filter(source=SOURCE, event_id=click_id(sent, url))
    return not known.exists()
