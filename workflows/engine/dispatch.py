"""Telling the engine's parts what happened: each committed event once, in order per contact.

Whoever locks the oldest undispatched event of a contact has the contact: a second dispatcher passes it by, since it
sees that event still waiting. Contacts themselves are not locked, so that consumers can take locks in the one order.
What consumers write is committed together with the mark, hence exactly once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection, transaction

from workflows.crm import arrays
from workflows.engine import clock
from workflows.engine.failures import is_nobodys_fault, is_passing

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DispatchedEvent:
    """An event as consumers see it; `data` is parsed when asked for."""

    id: UUID
    account_id: UUID
    contact_id: UUID
    event_type: str
    json: str
    occurred_at: datetime
    source: str
    caused_by_id: UUID | None
    depth: int

    @property
    def data(self) -> dict[str, Any]:
        """What templates see as `trigger.*`."""
        data: dict[str, Any] = orjson.loads(self.json)
        return data


class Consumer(Protocol):
    """Takes committed events in their order per contact; called inside the dispatching transaction."""

    def __call__(self, events: Sequence[DispatchedEvent], *, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """A consumer and the event types it wants to hear of; None: all."""

    consumer: Consumer
    event_types: frozenset[str] | None = None

    def wants(self, event: DispatchedEvent) -> bool:
        return self.event_types is None or event.event_type in self.event_types


_subscriptions: list[Subscription] = []


def consume(consumer: Consumer, *event_types: str) -> Callable[[], None]:
    """Let `consumer` see every event of these types, or of all, from now on; return a function that ends this."""
    subscription = Subscription(consumer, frozenset(event_types) or None)
    _subscriptions.append(subscription)
    return lambda: _subscriptions.remove(subscription)


def dispatch(*, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Dispatch until nothing is left that no other dispatcher has, and return the number of events."""
    size = settings.ENGINE["dispatch_size"]
    total = 0
    while not is_stopping():
        try:
            count = dispatch_page(size)
        except Exception as error:
            if not is_passing(error):
                raise
            continue
        total += count
        if count == 0:
            return total
    return total


def dispatch_page(size: int) -> int:
    """Dispatch the oldest events, at most `size`, in one transaction."""
    with transaction.atomic():
        event_ids = claim(size)
        if not event_ids:
            return 0
        now = clock.now()
        tell_all(event_ids, now)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE crm_event SET dispatched_at = %s WHERE id = ANY(%s::uuid[])", [now, arrays.ids(event_ids)]
            )
    return len(event_ids)


def claim(size: int) -> list[UUID]:
    """Hold the contacts of the oldest undispatched events that nobody else holds, and return those events in order.

    Two plain statements: what is undispatched changes too fast for the planner's statistics to be trusted with a join.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, contact_id FROM crm_event WHERE dispatched_at IS NULL ORDER BY sequence LIMIT %s", [size]
        )
        page = cursor.fetchall()
        heads: dict[UUID, UUID] = {}
        for event_id, contact_id in page:
            heads.setdefault(contact_id, event_id)
        cursor.execute(
            """
            SELECT contact_id FROM crm_event
            WHERE id = ANY(%s::uuid[]) AND dispatched_at IS NULL
            FOR NO KEY UPDATE SKIP LOCKED
            """,
            [arrays.ids(heads.values())],
        )
        held = {row[0] for row in cursor.fetchall()}
    return [event_id for event_id, contact_id in page if contact_id in held]


def tell_all(event_ids: Sequence[UUID], now: datetime) -> None:
    """Tell each consumer of those events that it wants; what nobody wants is not even read."""
    if not _subscriptions:
        return
    wanted = [subscription.event_types for subscription in _subscriptions]
    types = None if None in wanted else sorted(frozenset().union(*(each for each in wanted if each)))
    events = read(event_ids, types)
    for subscription in _subscriptions:
        if own := [event for event in events if subscription.wants(event)]:
            tell(subscription.consumer, own, now)


def read(event_ids: Sequence[UUID], event_types: list[str] | None) -> list[DispatchedEvent]:
    """Return the events of these types, or of all, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, account_id, contact_id, event_type, data, occurred_at, source, caused_by_id, depth
            FROM crm_event
            WHERE id = ANY(%s::uuid[]) AND (%s::text[] IS NULL OR event_type = ANY(%s::text[]))
            ORDER BY sequence
            """,
            [arrays.ids(event_ids), event_types, event_types],
        )
        return [DispatchedEvent(*row) for row in cursor.fetchall()]


def tell(consumer: Consumer, events: Sequence[DispatchedEvent], now: datetime) -> None:
    """Call the consumer; when it raises, halve the events down to the one at fault, which is passed over and logged."""
    try:
        with transaction.atomic():
            consumer(events, now=now)
        return
    except Exception as error:
        if is_passing(error) or is_nobodys_fault(error):
            raise
        if len(events) == 1:
            logger.exception("a consumer could not take an event", event_id=str(events[0].id))
            return
    half = len(events) // 2
    tell(consumer, events[:half], now)
    tell(consumer, events[half:], now)
