"""Changing the chain of a workflow's actions: the only way in which links are written.

Each change takes an `expected_revision`: Stale when the workflow is at another one by now.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid
from workflows.authoring.action_fields import (
    OWN_FIELDS,
    ActionChanges,
    assign_type_and_config,
    free_key,
    own_field_problems,
)
from workflows.authoring.auditing import action_facts, differences
from workflows.authoring.editing import ChainEdit, lock_editable_workflow, save_changed
from workflows.authoring.ordering import PlacedAction, ordered_lists, placed
from workflows.authoring.placing import insert, rearranged, relocate
from workflows.authoring.references import uses_key
from workflows.authoring.usages import hold, remember
from workflows.crm.services.usages import forget_parts
from workflows.models import Action, OnError


def list_actions(*, account_id: UUID, workflow_id: UUID) -> list[PlacedAction]:
    """Return the workflow's actions in list order, by one query."""
    return placed(ordered_lists(Action.objects.for_account(account_id).filter(workflow_id=workflow_id)))


@transaction.atomic
def add_action(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    action_type: str,
    action_config: Mapping[str, Any],
    key: str | None = None,
    name: str = "",
    position: int | None = None,
    previous_action_id: UUID | None = None,
    branch_id: UUID | None = None,
    is_enabled: bool = True,
    on_error: str = OnError.STOP,
    retry: Mapping[str, Any] | None = None,
    expected_revision: int | None = None,
) -> PlacedAction:
    """Add an action to a list, at `position` and/or behind `previous_action_id`; without either, at the end.

    Refused: `workflow_must_be_in_draft`, `maximum_actions_exceeded`, `action_position_conflict`, `name_taken` (key),
    `branch_not_found`, and whatever is wrong with type, config and the other fields, all at once.
    """
    edit = ChainEdit(
        lock_editable_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    )
    edit.require_room()
    action = Action(
        account_id=account_id,
        workflow_id=workflow_id,
        key=free_key(action_type, edit.keys()) if key is None else key,
        name=name,
        is_enabled=is_enabled,
        on_error=on_error,
        retry=retry or None,
        created_by_id=actor.user_id,
        updated_by_id=actor.user_id,
    )
    problems = [
        *assign_type_and_config(action, action_type, action_config, actor=actor),
        *own_field_problems(action),
        *insert(edit.items(branch_id), action, position=position, previous_action_id=previous_action_id),
    ]
    if problems:
        raise Invalid(*problems)
    _require_free_key(edit, action)
    hold(action)
    remember(actions=[action])
    return _finish(edit, action, actor=actor, verb="action.added")


@transaction.atomic
def duplicate_action(
    *, account_id: UUID, actor: Actor, workflow_id: UUID, action_id: UUID, expected_revision: int | None = None
) -> PlacedAction:
    """Put a copy right behind the action; the copy's key is made from its type."""
    edit = ChainEdit(
        lock_editable_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    )
    original = edit.action(action_id)
    edit.require_room()
    copy = Action(
        account_id=account_id,
        workflow_id=workflow_id,
        action_type=original.action_type,
        action_config=original.action_config,
        key=free_key(original.action_type, edit.keys()),
        name=original.name,
        is_enabled=original.is_enabled,
        on_error=original.on_error,
        retry=original.retry,
        created_by_id=actor.user_id,
        updated_by_id=actor.user_id,
    )
    items = edit.items(original.branch_id)
    items.insert(items.index(original) + 1, copy)
    remember(actions=[copy])
    return _finish(edit, copy, actor=actor, verb="action.duplicated")


@transaction.atomic
def update_action(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    action_id: UUID,
    changes: ActionChanges,
    expected_revision: int | None = None,
) -> PlacedAction:
    """Change an action's own fields and, with `position`, its place in its list; `action_config` is replaced whole.

    Refused besides what `add_action` refuses: a new key while templates of other actions use the old one (`in_use`).
    """
    edit = ChainEdit(
        lock_editable_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    )
    action = edit.action(action_id)
    old_key, old_values, old_place = action.key, own_values(action), edit.placed(action)
    before = action_facts(old_place)
    problems = []
    for field in (*OWN_FIELDS, "retry"):
        if field in changes:
            setattr(action, field, changes[field])  # type: ignore[literal-required]
    action.retry = action.retry or None
    if "action_config" in changes:
        problems += assign_type_and_config(action, action.action_type, changes["action_config"], actor=actor)
    problems += own_field_problems(action)
    if "position" in changes:
        problems += relocate(edit.items(action.branch_id), action, changes["position"])
    if problems:
        raise Invalid(*problems)
    if action.key != old_key:
        _require_free_key(edit, action)
        _require_unused_key(edit, action, old_key)
    if own_values(action) != old_values:
        action.updated_by_id = actor.user_id
        action.save(update_fields=[*OWN_FIELDS, "retry", "action_config", "updated_by", "updated_at"])
        if "action_config" in changes:
            hold(action)
        remember(actions=[action])
    elif edit.placed(action) == old_place:
        return old_place
    return _finish(edit, action, actor=actor, verb="action.updated", before=before)


@transaction.atomic
def move_action(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    action_id: UUID,
    position: int,
    branch_id: UUID | None = None,
    expected_revision: int | None = None,
) -> PlacedAction:
    """Move an action to `position` in the list of `branch_id` (null: the main list)."""
    edit = ChainEdit(
        lock_editable_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    )
    action = edit.action(action_id)
    old_place, old_branch_id = edit.placed(action), action.branch_id
    before = action_facts(old_place)
    target = edit.items(branch_id)
    edit.items(old_branch_id).remove(action)
    if problems := insert(target, action, position=position):
        raise Invalid(*problems)
    if branch_id == old_branch_id and edit.placed(action) == old_place:
        return old_place
    return _finish(edit, action, actor=actor, verb="action.moved", before=before)


@transaction.atomic
def reorder_actions(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    action_positions: Mapping[UUID, int],
    branch_id: UUID | None = None,
    expected_revision: int | None = None,
) -> list[PlacedAction]:
    """Put the named actions at the named positions of one list and return the list in its new order.

    Actions that are not named keep their relative order around the named ones.
    """
    edit = ChainEdit(
        lock_editable_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    )
    items = edit.items(branch_id)
    order = [action.key for action in items]
    items[:] = rearranged(items, action_positions)
    new_order = [action.key for action in items]
    if new_order != order:
        edit.save_links()
        save_changed(edit.workflow, actor=actor)
        audit.record(
            account_id=account_id,
            actor=actor,
            verb="workflow.actions_reordered",
            object_type="workflow",
            object_id=workflow_id,
            before={"order": order},
            after={"order": new_order},
        )
        edit.check()
    return placed({branch_id: items})


@transaction.atomic
def remove_action(
    *, account_id: UUID, actor: Actor, workflow_id: UUID, action_id: UUID, expected_revision: int | None = None
) -> None:
    """Remove an action; its neighbours are linked to each other."""
    edit = ChainEdit(
        lock_editable_workflow(account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision)
    )
    action = edit.action(action_id)
    before = action_facts(edit.placed(action))
    edit.items(action.branch_id).remove(action)
    edit.save_links()
    Action.objects.for_account(account_id).filter(id=action_id).delete()
    forget_parts(account_id=account_id, part_ids=[action_id])
    save_changed(edit.workflow, actor=actor)
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="action.removed",
        object_type="action",
        object_id=action_id,
        before=before,
    )
    edit.check()


def own_values(action: Action) -> tuple[object, ...]:
    """Return what is stored of the action itself, whatever its place."""
    return tuple(getattr(action, field) for field in (*OWN_FIELDS, "retry", "action_config"))


def _require_free_key(edit: ChainEdit, action: Action) -> None:
    if any(other.key == action.key for other in edit.actions.values() if other is not action):
        raise Conflict(
            "name_taken", f"Another action of the workflow has the key {action.key!r}; choose another.", "key"
        )


def _require_unused_key(edit: ChainEdit, action: Action, old_key: str) -> None:
    users = [other.key for other in edit.actions.values() if other is not action and uses_key(other, old_key)]
    if users:
        raise Conflict("in_use", f"{', '.join(users)} name the key {old_key!r}; change them first.", "key")


def _finish(
    edit: ChainEdit, action: Action, *, actor: Actor, verb: str, before: Mapping[str, Any] | None = None
) -> PlacedAction:
    """Write the links and, if it is new, the action; count the revision, write the audit entry, check the lists."""
    edit.save_links()
    if action.id not in edit.actions:
        action.save(force_insert=True)
    save_changed(edit.workflow, actor=actor)
    result = edit.placed(action)
    old, new = (None, action_facts(result)) if before is None else differences(before, action_facts(result))
    audit.record(
        account_id=action.account_id,
        actor=actor,
        verb=verb,
        object_type="action",
        object_id=action.id,
        before=old,
        after=new,
    )
    edit.check()
    return result
