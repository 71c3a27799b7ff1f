"""Keeps to what may be sent in any second: by an account on a channel, and through one connection.

A limit of n has n slots (`SendingSlot`), shared by all processes. A call takes one just before it starts, and a slot is
free again a second after its call has ended. The message of a call reaches the provider between its start and its end,
so two messages of one slot are a second apart there, and any n + 1 messages span more than one: the limit holds where
the provider counts, whatever delays there are on the way. The price is the time that calls take: with calls of 50 ms a
limit of 100 a second lets 95 through. A slot whose process died is free after the longest time that a call needs to
reach its provider.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from workflows.crm import arrays
from workflows.crm.models import Channel
from workflows.messaging.breaker import Circuit

SECOND = timedelta(seconds=1)
LONGEST_WAY = timedelta(seconds=10)
"""After which a message has reached its provider, or never will."""
FORGOTTEN_AFTER = timedelta(days=1)
COLUMNS: Mapping[str, str] = {
    Channel.EMAIL: "emails_per_second",
    Channel.SMS: "sms_per_second",
    Channel.VOICE: "calls_per_second",
    Channel.MESSENGER: "messenger_per_second",
}
"""The field of the account with the limit of each channel, which are the names of their lanes, too."""
LIMITED = frozenset(COLUMNS)
ACCOUNTS_OWN = ""

LOOK = """
SELECT pace.account_id, pace.connection, pace.per_second,
       count(slot.id), count(slot.id) FILTER (WHERE slot.free_at <= %(now)s), min(slot.free_at)
FROM (
    SELECT id AS account_id, '' AS connection, {column} AS per_second
    FROM accounts_account WHERE id = ANY(%(accounts)s::uuid[])
    UNION ALL
    SELECT account_id, id::text, messages_per_second
    FROM messaging_connection WHERE account_id = ANY(%(accounts)s::uuid[]) AND messages_per_second IS NOT NULL
) pace
LEFT JOIN messaging_sendingslot slot
     ON slot.account_id = pace.account_id AND slot.lane = %(lane)s AND slot.connection = pace.connection
        AND slot.number < pace.per_second
GROUP BY pace.account_id, pace.connection, pace.per_second
"""

MAKE = """
INSERT INTO messaging_sendingslot (id, created_at, account_id, lane, connection, number, taken_at, free_at)
SELECT new.id, %(now)s, new.account_id, %(lane)s, new.connection, new.number, %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(accounts)s::uuid[], %(connections)s::text[], %(numbers)s::smallint[])
     AS new (id, account_id, connection, number)
ORDER BY new.account_id, new.connection, new.number
ON CONFLICT DO NOTHING
"""

HOLD = """
SELECT wanted.account_id, wanted.connection, slot.id
FROM unnest(%(accounts)s::uuid[], %(connections)s::text[], %(limits)s::integer[], %(counts)s::integer[])
     AS wanted (account_id, connection, per_second, count)
CROSS JOIN LATERAL (
    SELECT id FROM messaging_sendingslot
    WHERE account_id = wanted.account_id AND lane = %(lane)s AND connection = wanted.connection
          AND number < wanted.per_second AND free_at <= %(now)s
    ORDER BY free_at LIMIT wanted.count FOR NO KEY UPDATE SKIP LOCKED
) slot
"""

Name = tuple[UUID, str]
"""An account and one of its connections, or `ACCOUNTS_OWN`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """One limit, and how much of it is left."""

    account_id: UUID
    connection: str
    per_second: int
    made: int
    """Slots that there are; those that were never needed are not."""
    free: int
    next_free_at: datetime | None

    @property
    def name(self) -> Name:
        return self.account_id, self.connection

    @property
    def left(self) -> int:
        """How many calls may start now."""
        return self.free + max(0, self.per_second - self.made)


class Paces:
    """The limits of some accounts on one channel, at one moment."""

    def __init__(self, lane: str, paces: Iterable[Pace] = (), *, now: datetime | None = None) -> None:
        self.lane = lane
        self.now = now
        self._paces = {pace.name: pace for pace in paces}

    def of(self, circuit: Circuit) -> list[Pace]:
        """Return the limits that a call keeps to: the account's, and its connection's if that has one."""
        names = dict.fromkeys([(circuit.account_id, ACCOUNTS_OWN), (circuit.account_id, circuit.host)])
        return [self._paces[name] for name in names if name in self._paces]

    def names(self, circuit: Circuit) -> list[Name]:
        return [pace.name for pace in self.of(circuit)]

    def per_second(self, circuit: Circuit) -> int | None:
        """Return the lowest of the limits; None: there is none."""
        return min((pace.per_second for pace in self.of(circuit)), default=None)

    def is_used_up(self, circuit: Circuit) -> bool:
        return any(pace.left == 0 for pace in self.of(circuit))

    def next_free_at(self, circuit: Circuit) -> datetime | None:
        """Return when a call may start that may not now; None: it may."""
        times = [pace.next_free_at for pace in self.of(circuit) if pace.left == 0]
        return max((time for time in times if time is not None), default=None)


def look(lane: str, account_ids: Collection[UUID], *, now: datetime) -> Paces:
    """Return the limits of the accounts and their connections, with one query; none for lanes that send nothing."""
    column = COLUMNS.get(lane)
    if column is None or not account_ids:
        return Paces(lane, now=now)
    with connection.cursor() as cursor:
        cursor.execute(LOOK.format(column=column), {"accounts": arrays.ids(account_ids), "lane": lane, "now": now})
        return Paces(lane, [Pace(*row) for row in cursor.fetchall()], now=now)


def hold_slots(paces: Paces, calls: Sequence[tuple[UUID, Circuit]], *, now: datetime) -> dict[UUID, list[UUID]]:
    """Lock free slots for the calls until the transaction ends; return those of each call that got all it needs.

    The first come first. Waits for nobody: slots that somebody else is about to take count as taken.
    """
    wanted = Counter(pace for _, circuit in calls for pace in paces.of(circuit))
    slots: dict[Name, list[UUID]] = {pace.name: [] for pace in wanted}
    counts = {pace: min(count, pace.left) for pace, count in wanted.items() if pace.left}
    _make(paces.lane, {pace: count - pace.free for pace, count in counts.items() if count > pace.free}, now)
    if counts:
        with connection.cursor() as cursor:
            cursor.execute(
                HOLD,
                {
                    "accounts": arrays.ids([pace.account_id for pace in counts]),
                    "connections": arrays.texts([pace.connection for pace in counts]),
                    "limits": arrays.numbers([pace.per_second for pace in counts]),
                    "counts": arrays.numbers(counts.values()),
                    "lane": paces.lane,
                    "now": now,
                },
            )
            for account_id, name, slot_id in cursor.fetchall():
                slots[account_id, name].append(slot_id)
    held: dict[UUID, list[UUID]] = {}
    for key, circuit in calls:
        needed = [slots[pace.name] for pace in paces.of(circuit)]
        if all(needed):
            held[key] = [each.pop() for each in needed]
    return held


def take_slots(held: Mapping[UUID, Sequence[UUID]], *, now: datetime) -> None:
    """Give held slots to the calls that start now."""
    pairs = [(slot_id, key) for key, slot_ids in held.items() for slot_id in slot_ids]
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE messaging_sendingslot slot SET taken_by = taken.key, taken_at = %s, free_at = %s
                FROM unnest(%s::uuid[], %s::uuid[]) AS taken (slot_id, key) WHERE slot.id = taken.slot_id
                """,
                [
                    now,
                    now + LONGEST_WAY + SECOND,
                    arrays.ids([slot_id for slot_id, _ in pairs]),
                    arrays.ids([key for _, key in pairs]),
                ],
            )


def free_slots(ended: Mapping[UUID, tuple[Sequence[UUID], datetime]]) -> None:
    """Let the slots of each call be taken again a second after it has ended; another's are left alone."""
    rows = [(slot_id, key, at + SECOND) for key, (slot_ids, at) in ended.items() for slot_id in slot_ids]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE messaging_sendingslot slot SET free_at = ended.free_at
                FROM (
                    SELECT slot.id, ended.free_at
                    FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS ended (slot_id, key, free_at)
                    JOIN messaging_sendingslot slot ON slot.id = ended.slot_id AND slot.taken_by = ended.key
                    ORDER BY slot.id FOR NO KEY UPDATE OF slot
                ) ended
                WHERE slot.id = ended.id
                """,
                [
                    arrays.ids([slot_id for slot_id, _, _ in rows]),
                    arrays.ids([key for _, key, _ in rows]),
                    arrays.times([free_at for _, _, free_at in rows]),
                ],
            )


def forget_slots(*, now: datetime) -> int:
    """Remove the slots of limits that nothing was sent by for a day; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM messaging_sendingslot slot
            USING (
                SELECT account_id, lane, connection FROM messaging_sendingslot
                GROUP BY account_id, lane, connection HAVING max(taken_at) < %(before)s
            ) idle
            WHERE slot.account_id = idle.account_id AND slot.lane = idle.lane AND slot.connection = idle.connection
                  AND slot.taken_at < %(before)s
            """,
            {"before": now - FORGOTTEN_AFTER},
        )
        return cursor.rowcount


def _make(lane: str, missing: Mapping[Pace, int], now: datetime) -> None:
    """Make slots that were not needed before: so many, within the limits."""
    new = [
        (pace, number)
        for pace, count in missing.items()
        for number in range(pace.made, min(pace.made + count, pace.per_second))
    ]
    if new:
        with connection.cursor() as cursor:
            cursor.execute(
                MAKE,
                {
                    "ids": arrays.ids([uuid7() for _ in new]),
                    "accounts": arrays.ids([pace.account_id for pace, _ in new]),
                    "connections": arrays.texts([pace.connection for pace, _ in new]),
                    "numbers": arrays.numbers([number for _, number in new]),
                    "lane": lane,
                    "now": now,
                },
            )
