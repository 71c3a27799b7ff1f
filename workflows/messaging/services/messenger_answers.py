"""Sending what STOP, START and HELP are answered with on Messenger, where a callback's answer cannot carry it."""

from datetime import datetime
from uuid import UUID

from workflows.crm.models import Channel
from workflows.messaging.models import Direction, Message, MessageStatus
from workflows.messaging.outbound import NotSent, SentUnknown
from workflows.messaging.providers.messenger import send
from workflows.messaging.services.messages import ERROR_LENGTH
from workflows.messaging.services.messenger_pages import page_of


def send_answer(*, account_id: UUID, message_id: UUID, now: datetime) -> bool:
    """Send a queued answer, at most once whatever happens; tell whether this call did.

    It is marked as sent before the call: an answer that gets lost is better than one that comes twice. Makes a call;
    not to be used within a transaction.
    """
    rows = Message.objects.for_account(account_id).filter(
        id=message_id, channel=Channel.MESSENGER, direction=Direction.OUTBOUND, execution_id=None
    )
    message = rows.first()
    if message is None or message.connection_id is None:
        return False
    page = page_of(account_id=account_id, connection_id=message.connection_id)
    if page is None:
        return False
    if not rows.filter(status=MessageStatus.QUEUED).update(status=MessageStatus.SENT, sent_at=now, updated_at=now):
        return False
    try:
        mid = send(
            page,
            person=message.recipient,
            message={"text": message.text},
            messaging_type="RESPONSE",
            metadata=str(message.id),
        )
    except NotSent as error:
        rows.filter(status=MessageStatus.SENT).update(
            status=MessageStatus.FAILED, error_message=error.message[:ERROR_LENGTH], sent_at=None, updated_at=now
        )
        return False
    except SentUnknown:
        return True
    rows.update(provider_message_id=mid, updated_at=now)
    return True
