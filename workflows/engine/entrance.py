"""The way into a workflow: who may enter is decided and written by one statement, under any concurrency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.crm import arrays
from workflows.crm.models import Channel
from workflows.engine.measuring import ENROLLED
from workflows.engine.plans import Plan, plan_of
from workflows.models import Reentry, Workflow, WorkflowStatus


class Entry(NamedTuple):
    """A contact to enroll with data and depth of its own."""

    contact_id: UUID
    depth: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entrance:
    """An active workflow, held in that state, and how to enter it."""

    account_id: UUID
    plan: Plan
    start: UUID | None
    """The step to start at; None: there is none."""
    reentry: str
    source: str
    data: str
    depth: int
    now: datetime


def entrance_to(
    account_id: UUID,
    workflow_id: UUID,
    source: str,
    *,
    data: Mapping[str, Any] | None = None,
    depth: int = 0,
    now: datetime,
    action_id: UUID | None = None,
) -> Entrance:
    """Return the way into a workflow that the caller holds in its state; raises as `enroll` does when there is none."""
    workflow = Workflow.objects.for_account(account_id).present().filter(id=workflow_id).first()
    if workflow is None:
        raise Missing
    if workflow.status != WorkflowStatus.ACTIVE:
        raise Conflict(
            "workflow_not_active", f"The workflow is {workflow.status}; activate it before contacts can enter."
        )
    version_id = workflow.versions.values_list("id", flat=True).get(number=workflow.version)
    plan = plan_of(version_id)
    if action_id is not None and action_id not in plan.by_action:
        detail = "The current version of the workflow has no such step; choose one that it has."
        raise Invalid(Problem("action_not_found", detail, "action_id"))
    return Entrance(
        account_id=account_id,
        plan=plan,
        start=action_id or (plan.first.action_id if plan.first else None),
        reentry=workflow.reentry,
        source=source,
        data=as_text(data or {}),
        depth=depth,
        now=now,
    )


def as_text(data: Mapping[str, Any]) -> str:
    return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS, default=str).decode()


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
       %(source)s, {depth}, %(action)s, 0, 0, 0, %(now)s, '', 0, {data}, '{{}}', %(reentry_key)s, ''
FROM {entries}
ON CONFLICT (workflow_id, contact_id, reentry_key) DO NOTHING
RETURNING id
"""
SHARED = {"depth": "%(depth)s", "data": "%(data)s::jsonb"}
OWN = {"depth": "entry.depth", "data": "entry.data"}
ENTRIES = "unnest(%(ids)s::uuid[], %(contacts)s::uuid[]) AS entry (id, contact_id)"
OWN_ENTRIES = """ROWS FROM (
    unnest(%(ids)s::uuid[], %(contacts)s::uuid[], %(depths)s::smallint[]), jsonb_array_elements(%(data)s::jsonb)
) AS entry (id, contact_id, depth, data)"""
OUTSIDE = """
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
    Reentry.MULTIPLE: INSERT.format(entries=ENTRIES, **SHARED),
    Reentry.AFTER_EXIT: INSERT.format(entries=ENTRIES + OUTSIDE, **SHARED),
    Reentry.SINGLE: f"WITH entry AS {FIRST_TIME} {INSERT.format(entries='entry', **SHARED)}",
}
"""By re-entry setting. The unique indexes decide between two that enter at once; what they cannot know – runs from a
time when the setting was another – is looked up."""
OWN_STATEMENTS = {
    Reentry.MULTIPLE: INSERT.format(entries=OWN_ENTRIES, **OWN),
    Reentry.AFTER_EXIT: INSERT.format(entries=OWN_ENTRIES + OUTSIDE, **OWN),
    Reentry.SINGLE: f"WITH first AS {FIRST_TIME} "
    + INSERT.format(entries=f"{OWN_ENTRIES} JOIN first USING (id)", **OWN),
}
"""The same, where each contact has data and depth of its own."""


def insert(entrance: Entrance, contact_ids: Sequence[UUID]) -> list[UUID]:
    """Insert an execution for each contact that may enter (again); return their ids."""
    if not contact_ids:
        return []
    ids = [uuid7() for _ in contact_ids]
    shared = {"data": entrance.data, "depth": entrance.depth}
    return run(STATEMENTS, entrance, ids=arrays.ids(ids), contacts=arrays.ids(contact_ids), **shared)


def insert_each(entrance: Entrance, entries: Sequence[Entry]) -> dict[UUID, UUID]:
    """Insert an execution for each entry that may enter (again); return their ids by contact, each of which is one."""
    if not entries:
        return {}
    contacts = {uuid7(): entry.contact_id for entry in entries}
    begun = run(
        OWN_STATEMENTS,
        entrance,
        ids=arrays.ids(contacts),
        contacts=arrays.ids(contacts.values()),
        depths=arrays.numbers([entry.depth for entry in entries]),
        data="[" + ",".join([as_text(entry.data) for entry in entries]) + "]",
    )
    return {contacts[execution_id]: execution_id for execution_id in begun}


def run(statements: Mapping[Reentry, str], entrance: Entrance, **entries: Any) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            statements[Reentry(entrance.reentry)],
            {
                "now": entrance.now,
                "account": entrance.account_id,
                "workflow": entrance.plan.workflow_id,
                "version": entrance.plan.version_id,
                "source": entrance.source,
                "action": entrance.start,
                "reentry_key": None if entrance.reentry == Reentry.MULTIPLE else "inside",
                **entries,
            },
        )
        begun = [row[0] for row in cursor.fetchall()]
    transaction.on_commit(partial(ENROLLED.inc, len(begun)))
    return begun
