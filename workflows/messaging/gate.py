"""What keeps a message from being sent, for many contacts at a time; asked anew at every attempt."""

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.crm.models import Channel

NAMES = {Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.VOICE: "voice calls", Channel.MESSENGER: "Messenger"}


def refusals(*, account_id: UUID, contact_ids: Collection[UUID], channel: Channel) -> dict[UUID, str]:
    """Return why contacts get no message on the channel, by contact; one query.

    An opt-out of e-mail stops marketing and transactional mail alike; who opted out of every channel (do not disturb)
    opted out of this one too.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT contact_id FROM crm_consent
            WHERE account_id = %s AND contact_id = ANY(%s::uuid[]) AND channel = %s AND state = 'opt_out'
            """,
            [account_id, arrays.ids(contact_ids), channel],
        )
        return {row[0]: f"Contact opted out of {NAMES[channel]}" for row in cursor.fetchall()}
