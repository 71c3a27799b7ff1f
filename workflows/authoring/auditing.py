"""What the audit log keeps of a change: the fields that differ, secrets masked."""

from collections.abc import Mapping
from typing import Any

from workflows.actions.registry import registry
from workflows.authoring.ordering import PlacedAction
from workflows.models import Action, Trigger, Workflow

MASK = "********"

Facts = Mapping[str, Any]


def action_facts(item: PlacedAction) -> dict[str, Any]:
    action = item.action
    return {
        "workflow_id": str(action.workflow_id),
        "key": action.key,
        "action_type": action.action_type,
        "action_config": masked_config(action),
        "name": action.name,
        "is_enabled": action.is_enabled,
        "on_error": action.on_error,
        "retry": action.retry,
        "branch_id": action.branch_id and str(action.branch_id),
        "position": item.position,
    }


def masked_config(action: Action) -> dict[str, Any]:
    secret = registry.get(action.action_type).secret_fields if action.action_type in registry else ()
    return {name: MASK if name in secret else value for name, value in action.action_config.items()}


def workflow_facts(workflow: Workflow) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "description": workflow.description,
        "owner": workflow.owner_id and str(workflow.owner_id),
        "reentry": workflow.reentry,
        "timezone": workflow.timezone,
        "notify_on_failure": workflow.notify_on_failure,
        "status": workflow.status,
        "version": workflow.version,
    }


def trigger_facts(trigger: Trigger) -> dict[str, Any]:
    return {
        "workflow_id": str(trigger.workflow_id),
        "trigger_type": trigger.trigger_type,
        "filters": trigger.filters,
        "settings": trigger.settings,
        "is_active": trigger.is_active,
    }


def differences(before: Facts, after: Facts) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the old and the new values of the fields that differ."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}
