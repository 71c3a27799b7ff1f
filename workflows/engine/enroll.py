"""Letting contacts into a workflow: one or many, under any concurrency as often as its re-entry setting allows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from uuid_utils.compat import uuid7

from accounts.problems import Conflict, Missing
from workflows.crm import arrays
from workflows.crm.models import Channel, Contact
from workflows.engine.locks import share_workflow
from workflows.engine.plans import Plan, plan_of
from workflows.engine.wake import Tick, wake
from workflows.models import Reentry, Workflow, WorkflowExecution, WorkflowStatus

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


@dataclass(frozen=True, slots=True)
class Entrance:
    """An active workflow, held in that state, and how to enter it."""

    account_id: UUID
    plan: Plan
    reentry: str
    source: str
    data: str
    depth: int
    now: datetime


def enroll(
    *,
    account_id: UUID,
    workflow_id: UUID,
    contact_id: UUID,
    source: str,
    data: Mapping[str, Any] | None = None,
    depth: int = 0,
    now: datetime,
) -> WorkflowExecution:
    """Enroll one contact and return the execution, which is due at once.

    `source` is `api`, `admin`, `command` or a trigger's type; `data` becomes `trigger.*`. Raises Missing when the
    account has no such workflow or contact, Conflict `workflow_not_active`, `contact_opted_out`, `already_enrolled` or
    `loop_guard`.
    """
    with transaction.atomic():
        entrance = open_entrance(account_id, workflow_id, source, data, depth, now)
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
    account_id: UUID, workflow_id: UUID, source: str, data: Mapping[str, Any] | None, depth: int, now: datetime
) -> Entrance:
    """Hold the workflow in its state for this transaction, and refuse unless it can be entered."""
    share_workflow(workflow_id)
    workflow = Workflow.objects.for_account(account_id).present().filter(id=workflow_id).first()
    if workflow is None:
        raise Missing
    if workflow.status != WorkflowStatus.ACTIVE:
        raise Conflict(
            "workflow_not_active", f"The workflow is {workflow.status}; activate it before contacts can enter."
        )
    if depth > settings.ENGINE["maximum_depth"]:
        raise Conflict(
            "loop_guard", f"More than {settings.ENGINE['maximum_depth']} workflows started each other in a row."
        )
    version_id = workflow.versions.values_list("id", flat=True).get(number=workflow.version)
    return Entrance(
        account_id=account_id,
        plan=plan_of(version_id),
        reentry=workflow.reentry,
        source=source,
        data=orjson.dumps(data or {}, option=orjson.OPT_NON_STR_KEYS, default=str).decode(),
        depth=depth,
        now=now,
    )


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


def hold_contacts(account_id: UUID, contact_ids: Sequence[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Keep the contacts from being deleted until this transaction ends; return those present and, of them, those who
    opted out of every channel."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM crm_contact
            WHERE account_id = %s AND id = ANY(%s::uuid[]) AND deleted_at IS NULL
            ORDER BY id FOR SHARE
            """,
            [account_id, arrays.ids(contact_ids)],
        )
        present = {row[0] for row in cursor.fetchall()}
        cursor.execute(
            """
            SELECT contact_id FROM crm_consent WHERE contact_id = ANY(%s::uuid[]) AND state = 'opt_out'
            GROUP BY contact_id HAVING count(*) >= %s
            """,
            [arrays.ids(present), len(Channel)],
        )
        return present, {row[0] for row in cursor.fetchall()}


INSERT = """
INSERT INTO workflow_executions (
    id, created_at, updated_at, account_id, workflow_id, version_id, contact_id, status, pause_reason,
    completion_reason, enrollment_source, depth, current_action_id, visits, window_visits, jumps, due_at, paused_status,
    lost_leases, trigger_data, steps, reentry_key, error_message
)
SELECT entry.id, %(now)s, %(now)s, %(account)s, %(workflow)s, %(version)s, entry.contact_id, 'queued', '', '',
       %(source)s, %(depth)s, %(action)s, 0, 0, 0, %(now)s, '', 0, %(data)s::jsonb, '{{}}', %(reentry_key)s, ''
FROM {entries}
ON CONFLICT (workflow_id, contact_id, reentry_key) DO NOTHING
RETURNING id
"""
ENTRIES = "unnest(%(ids)s::uuid[], %(contacts)s::uuid[]) AS entry (id, contact_id)"
OUTSIDE = f"""{ENTRIES}
WHERE NOT EXISTS (
    SELECT FROM workflow_executions execution
    WHERE execution.contact_id = entry.contact_id AND execution.workflow_id = %(workflow)s
          AND execution.status IN ('queued', 'active', 'waiting', 'paused')
)"""
FIRST_TIME = """(
    INSERT INTO workflow_single_enrollments (id, created_at, account_id, workflow_id, contact_id)
    SELECT entry.id, %(now)s, %(account)s, %(workflow)s, entry.contact_id
    FROM unnest(%(ids)s::uuid[], %(contacts)s::uuid[]) AS entry (id, contact_id)
    WHERE NOT EXISTS (
        SELECT FROM workflow_executions execution
        WHERE execution.contact_id = entry.contact_id AND execution.workflow_id = %(workflow)s
    )
    ON CONFLICT (workflow_id, contact_id) DO NOTHING
    RETURNING id, contact_id
)"""
STATEMENTS = {
    Reentry.MULTIPLE: INSERT.format(entries=ENTRIES),
    Reentry.AFTER_EXIT: INSERT.format(entries=OUTSIDE),
    Reentry.SINGLE: f"WITH entry AS {FIRST_TIME} {INSERT.format(entries='entry')}",
}
"""By re-entry setting. The unique indexes decide between two that enter at once; what they cannot know – runs from a
time when the setting was another – is looked up."""


def insert(entrance: Entrance, contact_ids: Sequence[UUID]) -> list[UUID]:
    """Insert an execution for each contact that may enter (again); return their ids."""
    if not contact_ids:
        return []
    first = entrance.plan.first
    with connection.cursor() as cursor:
        cursor.execute(
            STATEMENTS[Reentry(entrance.reentry)],
            {
                "now": entrance.now,
                "account": entrance.account_id,
                "workflow": entrance.plan.workflow_id,
                "version": entrance.plan.version_id,
                "source": entrance.source,
                "depth": entrance.depth,
                "action": first.action_id if first else None,
                "data": entrance.data,
                "reentry_key": None if entrance.reentry == Reentry.MULTIPLE else "inside",
                "ids": arrays.ids([uuid7() for _ in contact_ids]),
                "contacts": arrays.ids(contact_ids),
            },
        )
        return [row[0] for row in cursor.fetchall()]


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
