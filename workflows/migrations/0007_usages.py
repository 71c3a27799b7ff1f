"""Fills the index of what workflows refer to from the workflows that are there."""

from typing import Any
from uuid import UUID

from django.db import migrations

from workflows.actions.registry import registry as action_types
from workflows.triggers.registry import registry as trigger_types

PATH_LENGTH = 1000


def fill(apps: Any, schema_editor: Any) -> None:
    usages = apps.get_model("crm", "Usage")
    present = {"workflow__deleted_at": None}
    rows = []
    for action in apps.get_model("workflows", "Action").objects.filter(**present).iterator():
        facts = {
            "account_id": action.account_id,
            "workflow_id": action.workflow_id,
            "action_id": action.id,
            "key": action.key,
            "part_type": action.action_type,
        }
        rows += [usages(**facts, **use) for use in uses(action_types, action.action_type, action.action_config, ACTION)]
    for trigger in apps.get_model("workflows", "Trigger").objects.filter(**present).iterator():
        facts = {
            "account_id": trigger.account_id,
            "workflow_id": trigger.workflow_id,
            "trigger_id": trigger.id,
            "part_type": trigger.trigger_type,
        }
        rows += [usages(**facts, **use) for use in uses(trigger_types, trigger.trigger_type, trigger.settings, TRIGGER)]
    for version in apps.get_model("workflows", "WorkflowVersion").objects.filter(**present).iterator(chunk_size=100):
        for step in version.definition["actions"]:
            facts = {
                "account_id": version.account_id,
                "workflow_id": version.workflow_id,
                "version": version.number,
                "action_id": UUID(step["id"]),
                "key": step["key"],
                "part_type": step["action_type"],
            }
            rows += [usages(**facts, **use) for use in uses(action_types, step["action_type"], step["config"], ACTION)]
    usages.objects.bulk_create(rows, batch_size=1000)


ACTION = "action_config"
TRIGGER = "settings"


def uses(types: Any, slug: str, config: dict[str, Any], field: str) -> list[dict[str, Any]]:
    if slug not in types:
        return []
    kind = types.get(slug)
    by_id = [
        {"kind": name, "object_id": object_id, "path": f"{field}.{path}"[:PATH_LENGTH]}
        for name, object_id, path in kind.references(config)
    ]
    by_name = [
        {"kind": name, "name": text, "path": f"{field}.{path}"[:PATH_LENGTH]} for name, text, path in kind.names(config)
    ]
    return by_id + by_name


class Migration(migrations.Migration):
    dependencies = [("crm", "0005_usages"), ("workflows", "0006_execution_jumps")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
