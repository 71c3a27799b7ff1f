"""Everything that happened to one contact: events, steps of workflows and notes, merged by time."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from workflows.crm.models import Event, Note
from workflows.models import ActionExecution, WorkflowExecution


class EntryKind(StrEnum):
    EVENT = "event"
    STEP = "step"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an entry stands in the timeline: its time, and its id where times are equal."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Entry:
    kind: EntryKind
    place: Place
    record: Event | ActionExecution | Note


def timeline(
    *, account_id: UUID, contact_id: UUID, limit: int, older_than: Place | None = None, newer_than: Place | None = None
) -> list[Entry]:
    """Return up to `limit` entries, newest first: the newest of all, those next to `older_than` or to `newer_than`.

    Three queries, whatever the limit.
    """
    is_rising = newer_than is not None
    sources = [
        _entries(kind, records, bound=newer_than or older_than, is_rising=is_rising, limit=limit)
        for kind, records in _records(account_id, contact_id).items()
    ]
    by_place: Callable[[Entry], Place] = lambda entry: entry.place  # noqa: E731
    entries = list(islice(heapq.merge(*sources, key=by_place, reverse=not is_rising), limit))
    return entries[::-1] if is_rising else entries


def _records(account_id: UUID, contact_id: UUID) -> dict[EntryKind, QuerySet[Any]]:
    executions = WorkflowExecution.objects.for_account(account_id).filter(contact_id=contact_id)
    return {
        EntryKind.EVENT: Event.objects.for_account(account_id)
        .filter(contact_id=contact_id)
        .annotate(at=F("occurred_at")),
        EntryKind.STEP: ActionExecution.objects.for_account(account_id)
        .filter(workflow_execution__in=executions)
        .annotate(at=Coalesce("started_at", "created_at")),
        EntryKind.NOTE: Note.objects.for_account(account_id)
        .filter(contact_id=contact_id)
        .select_related("author")
        .annotate(at=F("created_at")),
    }


def _entries(
    kind: EntryKind, records: QuerySet[Any], *, bound: Place | None, is_rising: bool, limit: int
) -> Iterator[Entry]:
    if bound is not None:
        beyond = "gt" if is_rising else "lt"
        records = records.filter(Q(**{f"at__{beyond}": bound.at}) | Q(at=bound.at, **{f"id__{beyond}": bound.id}))
    ordering = ("at", "id") if is_rising else ("-at", "-id")
    for record in records.order_by(*ordering)[:limit]:
        yield Entry(kind, Place(record.at, record.id), record)
