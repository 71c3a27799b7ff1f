"""What a version keeps of a workflow."""

from collections.abc import Sequence
from typing import Any

import orjson

from workflows.actions.registry import registry
from workflows.authoring.ordering import PlacedAction
from workflows.authoring.workflows import SETTINGS_OF_A_VERSION
from workflows.models import Action, Trigger, Workflow


def definition_of(workflow: Workflow, items: Sequence[PlacedAction], triggers: Sequence[Trigger]) -> dict[str, Any]:
    """Return the definition described at WorkflowVersion, in JSON values only, so that two can be compared."""
    definition = {
        "settings": {name: getattr(workflow, name) for name in SETTINGS_OF_A_VERSION},
        "triggers": [_trigger(trigger) for trigger in triggers],
        "actions": [_action(item.action) for item in items],
    }
    return orjson.loads(orjson.dumps(definition))


def _trigger(trigger: Trigger) -> dict[str, Any]:
    return {
        "id": trigger.id,
        "trigger_type": trigger.trigger_type,
        "filters": trigger.filters,
        "settings": trigger.settings,
        "is_active": trigger.is_active,
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "id": action.id,
        "key": action.key,
        "action_type": action.action_type,
        "name": action.name,
        "config": registry.get(action.action_type).complete_config(action.action_config),
        "previous_action_id": action.previous_action_id,
        "branch_id": action.branch_id,
        "is_enabled": action.is_enabled,
        "on_error": action.on_error,
        "retry": action.retry,
    }
