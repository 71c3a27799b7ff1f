"""What is on record of contacts that bears on whether they may be written to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.crm.models import Channel
from workflows.messaging.gate.verdicts import Purpose, Sending

CAP_PERIOD = timedelta(hours=24)
LONGEST_WAY_OUT = timedelta(days=3)
"""How long before it is sent a message may have been written at most: what was refused is tried again for a day."""

RECORDS = """
SELECT consent.state, consent.recorded_at, account.timezone, account.frequency_cap,
    CASE WHEN %(purpose)s = 'marketing' THEN (
        SELECT count(*) FROM messaging_message message
        WHERE message.contact_id = sending.contact_id AND message.account_id = account.id
              AND message.created_at > %(written_since)s AND message.channel = %(channel)s
              AND message.direction = 'outbound' AND message.purpose = 'marketing' AND message.status <> 'failed'
              AND message.id IS DISTINCT FROM sending.message_id
              AND COALESCE(message.sent_at, message.updated_at) > %(sent_since)s
    ) END,
    CASE WHEN %(channel)s = 'messenger' THEN (
        SELECT max(COALESCE(message.sent_at, message.created_at)) FROM messaging_message message
        WHERE message.contact_id = sending.contact_id AND message.account_id = account.id
              AND message.channel = %(channel)s AND message.direction = 'inbound'
              AND %(page_id)s IN ('', message.recipient)
    ) END
FROM unnest(%(contacts)s::uuid[], %(messages)s::uuid[]) WITH ORDINALITY AS sending (contact_id, message_id, number)
JOIN accounts_account account ON account.id = %(account_id)s
LEFT JOIN crm_consent consent ON consent.contact_id = sending.contact_id AND consent.account_id = account.id
     AND consent.channel = %(channel)s
ORDER BY sending.number
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One contact's side of the matter, on one channel."""

    consent: str | None
    """`opt_in`, `opt_out`, or None: the contact never said."""
    consented_at: datetime | None
    account_timezone: str
    frequency_cap: int
    sent: int | None
    """Marketing messages of the last 24 hours, those on their way included; None: not counted."""
    last_heard_at: datetime | None
    """When the contact last wrote to the page; of Messenger only."""


def read_records(
    *,
    account_id: UUID,
    channel: Channel,
    purpose: Purpose,
    sendings: Sequence[Sending],
    page_id: str = "",
    now: datetime,
) -> list[Record]:
    """Return a record for each message, in order; one query.

    Whoever holds the locks of the contacts counts exactly: nobody else writes a message to them meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            RECORDS,
            {
                "account_id": account_id,
                "channel": channel,
                "purpose": purpose,
                "contacts": arrays.ids([sending.contact_id for sending in sendings]),
                "messages": arrays.ids([sending.message_id for sending in sendings]),
                "page_id": page_id,
                "sent_since": now - CAP_PERIOD,
                "written_since": now - CAP_PERIOD - LONGEST_WAY_OUT,
            },
        )
        return [Record(*row) for row in cursor.fetchall()]
