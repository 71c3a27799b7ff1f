"""What every change of a workflow shares: the row lock, the state rule, the revision."""

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem, Stale
from workflows.authoring.ordering import ActionList, BrokenChain, PlacedAction, ordered_lists, placed
from workflows.models import Action, Workflow, WorkflowStatus

EDITABLE_STATUSES = (WorkflowStatus.DRAFT, WorkflowStatus.PAUSED)


def lock_workflow(*, account_id: UUID, workflow_id: UUID, expected_revision: int | None = None) -> Workflow:
    """Lock the workflow's row until the transaction ends, so that one editor at a time changes it.

    Raises Stale when `expected_revision` is given and the workflow is at another one by now. FOR NO KEY UPDATE leaves
    new executions alone, whose foreign key takes a key share lock on this row.
    """
    workflow = (
        Workflow.objects.for_account(account_id).present().select_for_update(no_key=True).filter(id=workflow_id).first()
    )
    if workflow is None:
        raise Missing
    if expected_revision is not None and workflow.revision != expected_revision:
        raise Stale(
            f"The workflow is at revision {workflow.revision} by now, not {expected_revision}. Read it again,"
            " then repeat the change."
        )
    return workflow


def lock_editable_workflow(*, account_id: UUID, workflow_id: UUID, expected_revision: int | None = None) -> Workflow:
    """Lock the workflow's row; refuse unless the workflow is a draft or paused, and Stale as `lock_workflow` does."""
    workflow = lock_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    require_editable(workflow)
    return workflow


def require_editable(workflow: Workflow) -> None:
    if workflow.status not in EDITABLE_STATUSES:
        fix = "Pause" if workflow.status == WorkflowStatus.ACTIVE else "Restore"
        raise Conflict(
            "workflow_must_be_in_draft",
            f"The workflow is {workflow.status}; only a draft or paused one can be edited. {fix} it first.",
        )


def save_changed(workflow: Workflow, *, actor: Actor, **fields: object) -> None:
    """Write the changed fields of a locked workflow and count its revision up."""
    now = timezone.now()
    Workflow.objects.for_account(workflow.account_id).filter(id=workflow.id).update(
        revision=F("revision") + 1, updated_by_id=actor.user_id, updated_at=now, **fields
    )
    for name, value in {**fields, "updated_by_id": actor.user_id, "updated_at": now}.items():
        setattr(workflow, name, value)
    workflow.revision += 1


class ChainEdit:
    """One change of a workflow's actions, made while the workflow's row is locked.

    A change rearranges `lists` in memory; `save_links()` writes what differs; `check()` proves the result.
    """

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.actions = {
            action.id: action for action in Action.objects.for_account(workflow.account_id).filter(workflow=workflow)
        }
        self.lists = ordered_lists(self.actions.values())

    def action(self, action_id: UUID) -> Action:
        """Return the action, or raise Missing."""
        try:
            return self.actions[action_id]
        except KeyError:
            raise Missing from None

    def items(self, branch_id: UUID | None) -> ActionList:
        """Return the list of a branch (null: the main list), or refuse `branch_not_found`."""
        try:
            return self.lists[branch_id]
        except KeyError:
            raise Invalid(
                Problem(
                    "branch_not_found", f"The workflow has no branch {branch_id}; null is its main list.", "branch_id"
                )
            ) from None

    def placed(self, action: Action) -> PlacedAction:
        return next(item for item in placed(self.lists) if item.action is action)

    def keys(self) -> set[str]:
        return {action.key for action in self.actions.values()}

    def require_room(self) -> None:
        limit = settings.WORKFLOW_LIMITS["actions"]
        if len(self.actions) >= limit:
            raise Conflict(
                "maximum_actions_exceeded",
                f"A workflow has at most {limit} actions, all branches counted together. Remove one first.",
            )

    def save_links(self) -> None:
        """Bring the stored links in line with `lists`, in one statement."""
        moved: list[Action] = []
        for branch_id, items in self.lists.items():
            previous_id = None
            for action in items:
                if (action.branch_id, action.previous_action_id) != (branch_id, previous_id):
                    action.branch_id, action.previous_action_id = branch_id, previous_id
                    moved.append(action)
                previous_id = action.id
        stored = [action for action in moved if action.id in self.actions]
        if not stored:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE workflow_actions SET previous_action_id = link.previous_id, branch_id = link.branch_id"
                " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS link (id, previous_id, branch_id)"
                " WHERE workflow_actions.id = link.id AND workflow_actions.workflow_id = %s",
                [
                    [action.id for action in stored],
                    [action.previous_action_id for action in stored],
                    [action.branch_id for action in stored],
                    self.workflow.id,
                ],
            )

    def check(self) -> None:
        """Make the database check the slots now, then read the links back and compare them with `lists`.

        Deferral is restored, so that several changes can share a transaction.
        """
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        stored = ordered_lists(
            Action.objects.for_account(self.workflow.account_id)
            .filter(workflow=self.workflow)
            .only("id", "branch_id", "previous_action_id")
        )
        if ids_by_branch(stored) != ids_by_branch(self.lists):
            raise BrokenChain(f"The links of workflow {self.workflow.id} are not what was to be saved.")


def ids_by_branch(lists: Mapping[UUID | None, ActionList]) -> dict[UUID | None, list[UUID]]:
    return {branch_id: [action.id for action in items] for branch_id, items in lists.items() if items}
