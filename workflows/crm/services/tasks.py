"""Giving members tasks about contacts, changing and completing them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.actors import Actor
from accounts.models import Membership
from accounts.problems import Invalid, Missing, Problem
from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause, ContactCopy
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Task, TaskPriority, TaskStatus
from workflows.crm.refusals import Refused
from workflows.crm.services.locking import lock_contacts

NOT_A_MEMBER = Refused(
    (Problem("user_not_found", "assignee_id names nobody who is an active member of this account.", "assignee_id"),)
)


@dataclass(slots=True, eq=False)
class TaskDraft:
    """A task to make about a locked contact; `title` is 1–200 characters, `due_at` aware."""

    contact: ContactCopy
    title: str
    description: str = ""
    due_at: datetime | None = None
    assignee_id: UUID | None = None
    priority: str = TaskPriority.MEDIUM
    cause: Cause = BY_HAND


def create_tasks(*, account_id: UUID, drafts: Sequence[TaskDraft], now: datetime) -> list[UUID | Refused]:
    """Make the tasks and return their ids; the contacts are locked by the caller. Records `task_created` for each.

    A draft whose assignee is no active member of the account is refused (`user_not_found`); the others are made.
    """
    members = active_members(account_id=account_id, user_ids={draft.assignee_id for draft in drafts})
    answers: list[UUID | Refused] = [
        uuid7() if draft.assignee_id is None or draft.assignee_id in members else NOT_A_MEMBER for draft in drafts
    ]
    made = [(answer, draft) for answer, draft in zip(answers, drafts, strict=True) if not isinstance(answer, Refused)]
    if made:
        _insert(account_id, [task_id for task_id, _ in made], [draft for _, draft in made], now)
    return answers


def _insert(account_id: UUID, task_ids: Sequence[UUID], drafts: Sequence[TaskDraft], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_task (
                id, created_at, updated_at, account_id, contact_id, title, description, due_at, assignee_id, priority,
                status, caused_by_id
            )
            SELECT id, %s, %s, %s, contact_id, title, description, due_at, assignee_id, priority, 'open', caused_by_id
            FROM unnest(
                %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::uuid[], %s::text[], %s::uuid[]
            ) AS task (id, contact_id, title, description, due_at, assignee_id, priority, caused_by_id)
            """,
            [
                now,
                now,
                account_id,
                arrays.ids(task_ids),
                arrays.ids([draft.contact.id for draft in drafts]),
                arrays.texts([draft.title for draft in drafts]),
                arrays.texts([draft.description for draft in drafts]),
                arrays.times([draft.due_at for draft in drafts]),
                arrays.ids([draft.assignee_id for draft in drafts]),
                arrays.texts([draft.priority for draft in drafts]),
                arrays.ids([draft.cause.action_execution_id for draft in drafts]),
            ],
        )
    events = [
        NewEvent(
            draft.contact.id,
            "task_created",
            {
                "task_id": str(task_id),
                "title": draft.title,
                "due_at": draft.due_at,
                "assignee_id": draft.assignee_id,
                "priority": draft.priority,
            },
            draft.cause,
        )
        for task_id, draft in zip(task_ids, drafts, strict=True)
    ]
    record_events(account_id=account_id, events=events, now=now)


def update_task(
    *, account_id: UUID, task_id: UUID, values: Mapping[str, Any], now: datetime, cause: Cause = BY_HAND
) -> Task:
    """Change some of `title`, `description`, `due_at`, `assignee_id`, `priority`, `status`; return the task.

    Completing an open task records `task_completed`; opening it again clears `completed_at`. Raises Missing when the
    account has no such task or its contact is deleted, Invalid when the assignee is no active member.
    """
    task = _locked(account_id, task_id)
    changed = {name: value for name, value in values.items() if getattr(task, name) != value}
    if not changed:
        return task
    assignee_id = changed.get("assignee_id")
    if assignee_id and not active_members(account_id=account_id, user_ids={assignee_id}):
        raise Invalid(*NOT_A_MEMBER.problems)
    for name, value in changed.items():
        setattr(task, name, value)
    if "status" in changed:
        task.completed_at = now if task.status == TaskStatus.COMPLETED else None
    task.updated_at = now
    Task.objects.filter(id=task.id).update(**changed, completed_at=task.completed_at, updated_at=now)
    if "status" in changed and task.status == TaskStatus.COMPLETED:
        data = {"task_id": str(task.id), "title": task.title}
        record_events(account_id=account_id, events=[NewEvent(task.contact_id, "task_completed", data, cause)], now=now)
    return task


def complete_task(*, account_id: UUID, task_id: UUID, now: datetime, cause: Cause = BY_HAND) -> Task:
    """Mark the task as done; a task that is done stays as it is."""
    return update_task(
        account_id=account_id, task_id=task_id, values={"status": TaskStatus.COMPLETED}, now=now, cause=cause
    )


def delete_task(*, account_id: UUID, actor: Actor, task_id: UUID) -> None:
    """Delete the task; audited. Raises Missing when the account has no such task."""
    task = _locked(account_id, task_id)
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="task.deleted",
        object_type="task",
        object_id=task.id,
        before={"title": task.title, "status": task.status},
        after={},
    )
    task.delete()


def _locked(account_id: UUID, task_id: UUID) -> Task:
    tasks = Task.objects.for_account(account_id).filter(id=task_id)
    contact_id = tasks.values_list("contact_id", flat=True).first()
    if contact_id is None or not lock_contacts(account_id=account_id, contact_ids=[contact_id]):
        raise Missing
    task = tasks.select_for_update(no_key=True).first()
    if task is None:
        raise Missing
    return task


def active_members(*, account_id: UUID, user_ids: set[UUID | None]) -> set[UUID]:
    """Return those of the users that are active members of the account."""
    wanted = {user_id for user_id in user_ids if user_id}
    if not wanted:
        return set()
    memberships = Membership.objects.for_account(account_id).filter(is_active=True, user__is_active=True)
    return set(memberships.filter(user_id__in=wanted).values_list("user_id", flat=True))
