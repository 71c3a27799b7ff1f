"""Changing what enrolls contacts into a workflow."""

from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Invalid, Missing
from workflows.authoring.auditing import differences, trigger_facts
from workflows.authoring.editing import lock_editable_workflow, save_changed
from workflows.authoring.trigger_fields import assign_type_and_settings, own_trigger_problems
from workflows.authoring.usages import hold, remember
from workflows.crm.services.usages import forget_parts
from workflows.models import Trigger


class TriggerChanges(TypedDict, total=False):
    """What may be changed of a trigger; what is left out stays as it is."""

    filters: Mapping[str, Any] | None
    settings: Mapping[str, Any]
    is_active: bool


@transaction.atomic
def add_trigger(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    trigger_type: str,
    filters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    is_active: bool = True,
    expected_revision: int | None = None,
) -> Trigger:
    """Give a draft or paused workflow one more way in."""
    workflow = lock_editable_workflow(
        account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision
    )
    trigger = Trigger(account_id=account_id, workflow=workflow, filters=filters or None, is_active=is_active)
    problems = [*assign_type_and_settings(trigger, trigger_type, settings or {}), *own_trigger_problems(trigger)]
    if problems:
        raise Invalid(*problems)
    hold(trigger)
    trigger.save(force_insert=True)
    remember(triggers=[trigger])
    save_changed(workflow, actor=actor)
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="trigger.added",
        object_type="trigger",
        object_id=trigger.id,
        after=trigger_facts(trigger),
    )
    return trigger


@transaction.atomic
def update_trigger(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    trigger_id: UUID,
    changes: TriggerChanges,
    expected_revision: int | None = None,
) -> Trigger:
    """Change a trigger of a draft or paused workflow; `settings` and `filters` are replaced whole."""
    workflow = lock_editable_workflow(
        account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision
    )
    trigger = _find(account_id, workflow_id, trigger_id)
    before = trigger_facts(trigger)
    problems = []
    if "filters" in changes:
        trigger.filters = changes["filters"] or None
    if "is_active" in changes:
        trigger.is_active = changes["is_active"]
    if "settings" in changes:
        problems += assign_type_and_settings(trigger, trigger.trigger_type, changes["settings"])
    problems += own_trigger_problems(trigger)
    if problems:
        raise Invalid(*problems)
    old, new = differences(before, trigger_facts(trigger))
    if not new:
        return trigger
    if "settings" in changes:
        hold(trigger)
    trigger.save(update_fields=["filters", "settings", "is_active", "updated_at"])
    remember(triggers=[trigger])
    save_changed(workflow, actor=actor)
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="trigger.updated",
        object_type="trigger",
        object_id=trigger.id,
        before=old,
        after=new,
    )
    return trigger


@transaction.atomic
def remove_trigger(
    *, account_id: UUID, actor: Actor, workflow_id: UUID, trigger_id: UUID, expected_revision: int | None = None
) -> None:
    """Remove a trigger from a draft or paused workflow."""
    workflow = lock_editable_workflow(
        account_id=account_id, workflow_id=workflow_id, expected_revision=expected_revision
    )
    trigger = _find(account_id, workflow_id, trigger_id)
    before = trigger_facts(trigger)
    trigger.delete()
    forget_parts(account_id=account_id, part_ids=[trigger_id])
    save_changed(workflow, actor=actor)
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="trigger.removed",
        object_type="trigger",
        object_id=trigger_id,
        before=before,
    )


def _find(account_id: UUID, workflow_id: UUID, trigger_id: UUID) -> Trigger:
    trigger = Trigger.objects.for_account(account_id).filter(workflow_id=workflow_id, id=trigger_id).first()
    if trigger is None:
        raise Missing
    return trigger
