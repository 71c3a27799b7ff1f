"""Changing a workflow's state: activate (also resume), pause, archive, restore.

Lock order everywhere: the workflow's advisory lock, which keeps the engine's batches out, then its row, then its
executions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Problem
from workflows.actions.registry import registry as action_types
from workflows.authoring.auditing import differences, workflow_facts
from workflows.authoring.editing import lock_workflow, save_changed
from workflows.authoring.finding import Severity
from workflows.authoring.loops import hold_starts
from workflows.authoring.ordering import PlacedAction, ordered_lists, placed
from workflows.authoring.snapshots import definition_of
from workflows.authoring.validation import findings
from workflows.authoring.workflows import require_present
from workflows.crm.services.usages import keep_version
from workflows.engine import clock
from workflows.engine.holding import cancel_executions, move_executions, pause_executions, resume_executions
from workflows.engine.locks import lock_workflow_exclusively
from workflows.models import (
    ENDED_STATUSES,
    Action,
    CompletionReason,
    Trigger,
    Workflow,
    WorkflowExecution,
    WorkflowStatus,
    WorkflowVersion,
)

CONTACTS_INSIDE = ("keep", "move")


@dataclass(frozen=True, slots=True)
class ContactsInside:
    """What became of the contacts that were inside when a workflow was activated."""

    kept: int = 0
    moved: int = 0
    completed: int = 0


@dataclass(frozen=True, slots=True)
class Activation:
    workflow: Workflow
    contacts_inside: ContactsInside


@transaction.atomic
def activate_workflow(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    contacts_inside: str = "keep",
    expected_revision: int | None = None,
) -> Activation:
    """Make a draft or paused workflow active on a version of what it is now; contacts that were held go on.

    A new version is made only if something changed since the last one. `contacts_inside`: `keep` leaves contacts on
    the version they are on, `move` takes them to the new one. Refused: `invalid_transition`, and every error of
    `validation.findings` at once.
    """
    if contacts_inside not in CONTACTS_INSIDE:
        raise Invalid(Problem("invalid_choice", f"Use one of: {', '.join(CONTACTS_INSIDE)}.", "contacts_inside"))
    workflow = _lock(
        account_id, workflow_id, expected_revision, (WorkflowStatus.DRAFT, WorkflowStatus.PAUSED), "activated"
    )
    before = workflow_facts(workflow)
    version = _version(workflow, actor)
    keep_version(account_id=account_id, workflow_id=workflow_id, version=version.number)
    save_changed(workflow, actor=actor, status=WorkflowStatus.ACTIVE, version=version.number)
    now = clock.now()
    counts = _handle_contacts_inside(workflow, version, contacts_inside, now)
    resume_executions(workflow_id, now)
    _record(workflow, actor, "workflow.activated", before)
    return Activation(workflow, counts)


@transaction.atomic
def pause_workflow(
    *, account_id: UUID, actor: Actor, workflow_id: UUID, expected_revision: int | None = None
) -> Workflow:
    """Pause an active workflow: once this has committed, nobody is enrolled and no step starts."""
    workflow = _lock(account_id, workflow_id, expected_revision, (WorkflowStatus.ACTIVE,), "paused")
    before = workflow_facts(workflow)
    save_changed(workflow, actor=actor, status=WorkflowStatus.PAUSED)
    pause_executions(workflow_id, clock.now())
    _record(workflow, actor, "workflow.paused", before)
    return workflow


@transaction.atomic
def archive_workflow(
    *, account_id: UUID, actor: Actor, workflow_id: UUID, expected_revision: int | None = None
) -> Workflow:
    """Archive a workflow in any other state; contacts inside are cancelled (`workflow_archived`)."""
    allowed = (WorkflowStatus.DRAFT, WorkflowStatus.ACTIVE, WorkflowStatus.PAUSED)
    workflow = _lock(account_id, workflow_id, expected_revision, allowed, "archived")
    before = workflow_facts(workflow)
    save_changed(workflow, actor=actor, status=WorkflowStatus.ARCHIVED)
    cancel_executions(workflow_id, CompletionReason.WORKFLOW_ARCHIVED, clock.now())
    _record(workflow, actor, "workflow.archived", before)
    return workflow


@transaction.atomic
def restore_workflow(
    *, account_id: UUID, actor: Actor, workflow_id: UUID, expected_revision: int | None = None
) -> Workflow:
    """Make an archived workflow a draft again."""
    workflow = _lock(account_id, workflow_id, expected_revision, (WorkflowStatus.ARCHIVED,), "restored")
    before = workflow_facts(workflow)
    save_changed(workflow, actor=actor, status=WorkflowStatus.DRAFT)
    _record(workflow, actor, "workflow.restored", before)
    return workflow


def has_unpublished_changes(workflow: Workflow, items: Sequence[PlacedAction], triggers: Sequence[Trigger]) -> bool:
    """Return whether activating the workflow as it is now would make a version that differs from its latest one."""
    if any(item.action.action_type not in action_types for item in items):
        return True
    latest = _latest_version(workflow)
    return latest is None or latest.definition != definition_of(workflow, items, triggers)


def _latest_version(workflow: Workflow) -> WorkflowVersion | None:
    return (
        WorkflowVersion.objects.for_account(workflow.account_id)
        .filter(workflow=workflow, number=workflow.version)
        .first()
    )


def _lock(
    account_id: UUID, workflow_id: UUID, expected_revision: int | None, allowed: tuple[WorkflowStatus, ...], verb: str
) -> Workflow:
    """Hold the workflow alone, or refuse unless it is in one of the allowed states, at the expected revision if any."""
    require_present(account_id=account_id, workflow_id=workflow_id)
    lock_workflow_exclusively(workflow_id)
    workflow = lock_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    if workflow.status not in allowed:
        raise Conflict(
            "invalid_transition",
            f"A workflow that is {workflow.status} cannot be {verb}; only one that is {' or '.join(allowed)} can.",
        )
    return workflow


def _version(workflow: Workflow, actor: Actor) -> WorkflowVersion:
    """Return the version of what the workflow is now: the latest one if nothing changed since, else a new one."""
    hold_starts(workflow.account_id)
    items = placed(ordered_lists(Action.objects.for_account(workflow.account_id).filter(workflow=workflow)))
    triggers = list(Trigger.objects.for_account(workflow.account_id).filter(workflow=workflow))
    errors = [finding.problem for finding in findings(items, triggers) if finding.severity == Severity.ERROR]
    if errors:
        raise Invalid(*errors)
    definition = definition_of(workflow, items, triggers)
    latest = _latest_version(workflow)
    if latest is not None and latest.definition == definition:
        return latest
    return WorkflowVersion.objects.create(
        account_id=workflow.account_id,
        workflow=workflow,
        number=workflow.version + 1,
        definition=definition,
        created_by_id=actor.user_id,
    )


def _handle_contacts_inside(
    workflow: Workflow, version: WorkflowVersion, contacts_inside: str, now: datetime
) -> ContactsInside:
    executions = WorkflowExecution.objects.for_account(workflow.account_id).filter(workflow=workflow)
    count = executions.exclude(status__in=ENDED_STATUSES).count()
    if contacts_inside == "keep":
        return ContactsInside(kept=count)
    moves = move_executions(workflow, version, now)
    return ContactsInside(count - moves.moved - moves.completed, moves.moved, moves.completed)


def _record(workflow: Workflow, actor: Actor, verb: str, before: dict[str, object]) -> None:
    old, new = differences(before, workflow_facts(workflow))
    audit.record(
        account_id=workflow.account_id,
        actor=actor,
        verb=verb,
        object_type="workflow",
        object_id=workflow.id,
        before=old,
        after=new,
    )
