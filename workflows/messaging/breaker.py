"""Spares hosts that are down: a circuit breaker per account and host, shared by all processes through the database.

Five failures in a row open a circuit. While it is open nothing is called; after that one call tries, a probe. Its
success closes the circuit, its failure opens it again for twice as long. Who refuses a call as one too many gets a
pause, which no success ends early. Only hosts in trouble have a row.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from uuid_utils.compat import uuid7

from workflows.messaging.models import CircuitBreaker

FAILURES_TO_OPEN = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
PROBE_TIME = timedelta(seconds=30)
LOOK_AGAIN = timedelta(seconds=5)
FORGOTTEN_AFTER = timedelta(hours=1)
KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Circuit:
    """What a breaker guards: an account's calls to one host, or through one connection."""

    account_id: UUID
    host: str


@dataclass(frozen=True, slots=True)
class Admission:
    """How many calls may be made now: any number (None), one that tries, or none before `retry_at`."""

    limit: int | None = None
    retry_at: datetime | None = None
    had_enough: bool = False
    """None may be made because one was refused as one too many."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made. A time-out, a broken connection and a 5xx are failures; any other answer is a success."""

    circuit: Circuit
    succeeded: bool


def admissions(circuits: Collection[Circuit], *, now: datetime) -> dict[Circuit, Admission]:
    """Say for each circuit how many calls may be made, with one query where all is well. One caller gets the probe."""
    admitted = dict.fromkeys(circuits, Admission())
    for row in _rows(circuits):
        circuit = Circuit(row.account_id, row.host)
        if circuit not in admitted:
            continue
        if row.slowed_until is not None and now < row.slowed_until:
            admitted[circuit] = Admission(0, row.slowed_until, had_enough=True)
            continue
        if row.open_until is None:
            continue
        if now < row.open_until:
            admitted[circuit] = Admission(0, row.open_until)
        elif _takes_probe(row, now):
            admitted[circuit] = Admission(1)
        else:
            admitted[circuit] = Admission(0, now + LOOK_AGAIN)
    return admitted


def closed_hosts(circuits: Collection[Circuit], *, now: datetime) -> set[Circuit]:
    """Return the circuits that any number of calls may use; takes no probe."""
    opened = {Circuit(row.account_id, row.host) for row in _rows(circuits) if row.open_until is not None}
    return set(circuits) - opened


def record_calls(calls: Iterable[Call], *, now: datetime) -> None:
    """Take note of how calls went, in their order. Best called outside another transaction, as it locks rows."""
    by_circuit: dict[Circuit, list[bool]] = defaultdict(list)
    for call in calls:
        by_circuit[call.circuit].append(call.succeeded)
    failing = sorted(circuit for circuit, results in by_circuit.items() if not results[-1])
    if not failing and not _rows(by_circuit).exists():
        return
    with transaction.atomic():
        CircuitBreaker.objects.bulk_create(
            [CircuitBreaker(account_id=each.account_id, host=each.host, failed_at=now) for each in failing],
            ignore_conflicts=True,
        )
        changed, closed = [], []
        for row in _rows(by_circuit).select_for_update().order_by("account_id", "host"):
            results = by_circuit.get(Circuit(row.account_id, row.host))
            if results is None:
                continue
            if results[-1] and (row.slowed_until is None or row.slowed_until <= now):
                closed.append(row.id)
            elif results[-1]:
                row.failures, row.openings, row.open_until, row.probe_until = 0, 0, None, None
                changed.append(row)
            else:
                after_failures(row, results, now=now)
                changed.append(row)
        CircuitBreaker.objects.bulk_update(changed, ["failures", "failed_at", "openings", "open_until", "probe_until"])
        CircuitBreaker.objects.filter(id__in=closed).delete()


def pause(pauses: Mapping[Circuit, datetime], *, now: datetime) -> None:
    """Let circuits be left alone until those times, by all processes; a longer pause stays."""
    for circuit, until in sorted(pauses.items()):
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO messaging_circuitbreaker AS circuit (
                    id, created_at, account_id, host, failures, failed_at, openings, slowed_until
                ) VALUES (%s, %s, %s, %s, 0, %s, 0, %s)
                ON CONFLICT (account_id, host) DO UPDATE
                SET slowed_until = GREATEST(circuit.slowed_until, excluded.slowed_until),
                    failed_at = GREATEST(circuit.failed_at, excluded.failed_at)
                """,
                [uuid7(), now, circuit.account_id, circuit.host, now, until],
            )


def forget_old_troubles(*, now: datetime) -> int:
    """Remove what failed more than a day ago and was not called since; returns how many rows."""
    return CircuitBreaker.objects.filter(failed_at__lt=now - KEPT_FOR).delete()[0]


def after_failures(row: CircuitBreaker, results: list[bool], *, now: datetime) -> None:
    """Change a row as the results say, the last of which is a failure. Late failures do not lengthen an open pause."""
    if True in results:
        row.failures, row.openings, row.open_until = 0, 0, None
    elif row.open_until is None and row.failed_at < now - FORGOTTEN_AFTER:
        row.failures = 0
    row.failures += results[::-1].index(True) if True in results else len(results)
    row.failed_at = now
    is_probe = row.open_until is not None and row.open_until <= now
    if is_probe or (row.open_until is None and row.failures >= FAILURES_TO_OPEN):
        row.open_until = now + min(FIRST_PAUSE * 2 ** min(row.openings, 10), LONGEST_PAUSE)
        row.openings += 1
        row.probe_until = None


def _rows(circuits: Collection[Circuit]) -> QuerySet[CircuitBreaker]:
    """Narrow to rows of these accounts and hosts; a few more than asked for when both are many."""
    accounts = {circuit.account_id for circuit in circuits}
    return CircuitBreaker.objects.filter(account_id__in=accounts, host__in={circuit.host for circuit in circuits})


def _takes_probe(row: CircuitBreaker, now: datetime) -> bool:
    """Be the one that tries, by compare-and-set; False when another is at it."""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=now)
    return bool(
        CircuitBreaker.objects.filter(free, id=row.id, open_until__lte=now).update(probe_until=now + PROBE_TIME)
    )
