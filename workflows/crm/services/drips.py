"""The queues of `drip` steps: so many may pass in each interval, in the order in which they came.

Everyone who comes draws a number. In each interval of the rhythm – the first begins when somebody comes and nobody
waits – the next `batch_size` numbers are granted. Intervals that pass while no worker runs are lost: what was missed
goes on in the rhythm, not at once. The number of one who left the queue stays in it and passes unused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7


@dataclass(slots=True)
class Queue:
    """A queue under its lock."""

    batch_size: int
    interval: timedelta
    issued: int
    granted: int
    window_started_at: datetime
    window_granted: int

    def draw(self, count: int) -> list[int]:
        """Return the next numbers."""
        first = self.issued + 1
        self.issued += count
        return list(range(first, first + count))

    def grant(self, now: datetime) -> None:
        """Grant what may be granted now."""
        elapsed = (now - self.window_started_at) // self.interval
        if elapsed > 0:
            nobody_waits = self.issued == self.granted
            self.window_started_at = now if nobody_waits else self.window_started_at + elapsed * self.interval
            self.window_granted = 0
        count = min(max(0, self.batch_size - self.window_granted), self.issued - self.granted)
        self.granted += count
        self.window_granted += count

    def opening(self, number: int) -> datetime:
        """Return when a number that is not granted yet will be, as things stand."""
        windows = -(-(number - self.granted) // self.batch_size)
        return self.window_started_at + windows * self.interval


def pass_through(
    *,
    account_id: UUID,
    workflow_id: UUID,
    action_id: UUID,
    batch_size: int,
    interval: timedelta,
    numbers: Sequence[int | None],
    now: datetime,
) -> list[tuple[int, datetime | None]]:
    """Let contacts come to the step or ask again; return the number of each, and until when it waits (None: it passes).

    `numbers` are those drawn before; None: the contact just came. Two queries; the queue stays locked to the end of the
    transaction, so that however many workers ask, none passes too many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_drip (
                id, created_at, account_id, workflow_id, action_id, issued, granted, window_started_at, window_granted
            )
            VALUES (%s, %s, %s, %s, %s, 0, 0, %s, 0)
            ON CONFLICT (workflow_id, action_id) DO UPDATE SET issued = crm_drip.issued
            RETURNING issued, granted, window_started_at, window_granted
            """,
            [uuid7(), now, account_id, workflow_id, action_id, now],
        )
        queue = Queue(batch_size, interval, *cursor.fetchone())
        queue.grant(now)
        drawn = iter(queue.draw(sum(number is None for number in numbers)))
        all_numbers = [next(drawn) if number is None else number for number in numbers]
        queue.grant(now)
        cursor.execute(
            """
            UPDATE crm_drip SET issued = %s, granted = %s, window_started_at = %s, window_granted = %s
            WHERE workflow_id = %s AND action_id = %s
            """,
            [
                queue.issued,
                queue.granted,
                queue.window_started_at,
                queue.window_granted,
                workflow_id,
                action_id,
            ],
        )
    return [(number, None if number <= queue.granted else queue.opening(number)) for number in all_numbers]
