"""Telling members something in the application, and their reading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from uuid_utils.compat import uuid7

from accounts.problems import Missing
from workflows.crm import arrays
from workflows.crm.models import Notification
from workflows.crm.services.tasks import active_members

TITLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NewNotification:
    """Something to tell one member; `topic` (≤ 80 characters) makes the same again count up while it is unread."""

    recipient_id: UUID
    kind: str
    title: str
    message: str = ""
    workflow_id: UUID | None = None
    execution_id: UUID | None = None
    topic: str | None = None
    count: int = 1


def notify_many(*, account_id: UUID, notifications: Sequence[NewNotification], now: datetime) -> None:
    """Tell active members of the account; others are not told. Topics are distinct within one call."""
    members = active_members(account_id=account_id, user_ids={each.recipient_id for each in notifications})
    told = [each for each in notifications if each.recipient_id in members]
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_notification AS known (
                id, created_at, account_id, occurred_at, recipient_id, kind, title, message, workflow_id, execution_id,
                topic, count
            )
            SELECT id, %s, %s, %s, recipient_id, kind, title, message, workflow_id, execution_id, topic, count
            FROM unnest(
                %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::text[],
                %s::integer[]
            ) AS told (id, recipient_id, kind, title, message, workflow_id, execution_id, topic, count)
            ORDER BY recipient_id, topic
            ON CONFLICT (recipient_id, account_id, topic) WHERE read_at IS NULL DO UPDATE
            SET count = LEAST(known.count::bigint + EXCLUDED.count, 2147483647)::integer,
                title = EXCLUDED.title, message = EXCLUDED.message, execution_id = EXCLUDED.execution_id,
                occurred_at = GREATEST(known.occurred_at, EXCLUDED.occurred_at)
            """,
            [
                now,
                account_id,
                now,
                arrays.ids([uuid7() for _ in told]),
                arrays.ids([each.recipient_id for each in told]),
                arrays.texts([each.kind for each in told]),
                arrays.texts([each.title[:TITLE_LENGTH] for each in told]),
                arrays.texts([each.message for each in told]),
                arrays.ids([each.workflow_id for each in told]),
                arrays.ids([each.execution_id for each in told]),
                arrays.texts([each.topic for each in told]),
                arrays.numbers([each.count for each in told]),
            ],
        )


@transaction.atomic
def mark_read(*, account_id: UUID, user_id: UUID, notification_id: UUID, now: datetime) -> Notification:
    """Mark one of the user's notifications as read; one that is read keeps its time. Raises Missing."""
    own = _own(account_id, user_id).select_for_update(no_key=True)
    notification: Notification | None = own.filter(id=notification_id).first()
    if notification is None:
        raise Missing
    if notification.read_at is None:
        notification.read_at = now
        notification.save(update_fields=["read_at"])
    return notification


@transaction.atomic
def mark_all_read(*, account_id: UUID, user_id: UUID, now: datetime) -> int:
    """Mark everything that the user has not read and return how many these were."""
    unread = _own(account_id, user_id).filter(read_at=None).order_by("topic").select_for_update(no_key=True)
    return _own(account_id, user_id).filter(id__in=[row.id for row in unread]).update(read_at=now)


def count_unread(*, account_id: UUID, user_id: UUID) -> int:
    """Return how many notifications the user has not read."""
    return _own(account_id, user_id).filter(read_at=None).count()


def _own(account_id: UUID, user_id: UUID) -> Any:
    return Notification.objects.for_account(account_id).filter(recipient_id=user_id)
