"""Letting contacts into a workflow: one or many, under any concurrency as often as its re-entry setting allows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.problems import Conflict, Missing
from workflows.crm.models import Contact
from workflows.engine.entrance import Entrance, entrance_to, hold_contacts, insert
from workflows.engine.locks import share_workflow
from workflows.engine.wake import Tick, wake
from workflows.models import Reentry, WorkflowExecution

PAGE_SIZE = 2000
ANALYZE_FROM = 20_000


@dataclass(frozen=True, slots=True)
class EnrollmentCounts:
    """What became of the contacts that were to be enrolled."""

    enrolled: int = 0
    already_enrolled: int = 0
    opted_out: int = 0
    missing: int = 0

    def __add__(self, other: "EnrollmentCounts") -> "EnrollmentCounts":
        return EnrollmentCounts(
            self.enrolled + other.enrolled,
            self.already_enrolled + other.already_enrolled,
            self.opted_out + other.opted_out,
            self.missing + other.missing,
        )


def enroll(
    *,
    account_id: UUID,
    workflow_id: UUID,
    contact_id: UUID,
    source: str,
    data: Mapping[str, Any] | None = None,
    depth: int = 0,
    action_id: UUID | None = None,
    now: datetime,
) -> WorkflowExecution:
    """Enroll one contact and return the execution, which is due at once.

    `source` is `api`, `admin`, `command`, `campaign`, `workflow` or a trigger's type; `data` becomes `trigger.*`;
    `action_id` is the step of the current version to start at, its first unless given. Raises Missing when the account
    has no such workflow or contact, Conflict `workflow_not_active`, `contact_opted_out`, `already_enrolled` or
    `loop_guard`, Invalid `action_not_found`.
    """
    with transaction.atomic():
        entrance = open_entrance(account_id, workflow_id, source, data, depth, now, action_id)
        present, opted_out = hold_contacts(account_id, [contact_id])
        if contact_id not in present:
            raise Missing
        if contact_id in opted_out:
            raise Conflict("contact_opted_out", "The contact opted out of every channel and cannot be enrolled.")
        execution_ids = insert(entrance, [contact_id])
        if not execution_ids:
            raise Conflict("already_enrolled", refusal(entrance.reentry))
        wake(Tick.ADVANCE)
        return WorkflowExecution.objects.for_account(account_id).get(id=execution_ids[0])


def enroll_many(
    *,
    account_id: UUID,
    workflow_id: UUID,
    contacts: Sequence[UUID] | QuerySet[Contact],
    source: str,
    data: Mapping[str, Any] | None = None,
    depth: int = 0,
    now: datetime,
) -> EnrollmentCounts:
    """Enroll contacts of the account by ids or by query, in pages that are transactions of their own.

    Contacts that may not enter are counted, not refused. Raises as `enroll` does when the workflow cannot be entered;
    when it is paused on the way, the pages before stay.
    """
    counts = EnrollmentCounts()
    for contact_ids in pages_of(account_id, contacts):
        with transaction.atomic():
            entrance = open_entrance(account_id, workflow_id, source, data, depth, now)
            counts += enroll_page(entrance, contact_ids)
            wake(Tick.ADVANCE)
    if counts.enrolled >= ANALYZE_FROM:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE workflow_executions")
    return counts


def open_entrance(
    account_id: UUID,
    workflow_id: UUID,
    source: str,
    data: Mapping[str, Any] | None,
    depth: int,
    now: datetime,
    action_id: UUID | None = None,
) -> Entrance:
    """Hold the workflow in its state for this transaction, and refuse unless it can be entered."""
    share_workflow(workflow_id)
    entrance = entrance_to(account_id, workflow_id, source, data=data, depth=depth, now=now, action_id=action_id)
    if depth > settings.ENGINE["maximum_depth"]:
        raise Conflict(
            "loop_guard", f"More than {settings.ENGINE['maximum_depth']} workflows started each other in a row."
        )
    return entrance


def enroll_page(entrance: Entrance, contact_ids: Sequence[UUID]) -> EnrollmentCounts:
    """Enroll a page of different contacts in one statement."""
    present, opted_out = hold_contacts(entrance.account_id, contact_ids)
    admitted = [contact_id for contact_id in contact_ids if contact_id in present and contact_id not in opted_out]
    enrolled = len(insert(entrance, admitted))
    return EnrollmentCounts(
        enrolled=enrolled,
        already_enrolled=len(admitted) - enrolled,
        opted_out=len(opted_out),
        missing=len(contact_ids) - len(present),
    )


def refusal(reentry: str) -> str:
    if reentry == Reentry.SINGLE:
        return "The contact has been in this workflow, which may be entered once only."
    return "The contact is inside this workflow and may enter again after leaving it."


def pages_of(account_id: UUID, contacts: Sequence[UUID] | QuerySet[Contact]) -> Iterator[list[UUID]]:
    """Cut the contacts into pages without duplicates, in the order of their ids; a query is read page by page."""
    if isinstance(contacts, QuerySet):
        last = UUID(int=0)
        while page := list(
            contacts.filter(account_id=account_id, deleted_at=None, id__gt=last)
            .order_by("id")
            .values_list("id", flat=True)
            .distinct()[:PAGE_SIZE]
        ):
            yield page
            last = page[-1]
        return
    ids = sorted(set(contacts))
    for start in range(0, len(ids), PAGE_SIZE):
        yield ids[start : start + PAGE_SIZE]
