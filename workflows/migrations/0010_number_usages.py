"""Adds the numbers that steps send and call from to the index of what workflows refer to."""

from typing import Any
from uuid import UUID

from django.db import migrations

from workflows.actions.registry import registry as action_types
from workflows.configs.names import NUMBER_KINDS

KINDS = frozenset(NUMBER_KINDS.values())


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
        rows += [usages(**facts, **use) for use in uses(action.action_type, action.action_config)]
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
            rows += [usages(**facts, **use) for use in uses(step["action_type"], step["config"])]
    usages.objects.filter(kind__in=KINDS).delete()
    usages.objects.bulk_create(rows, batch_size=1000)


def uses(slug: str, config: dict[str, Any]) -> list[dict[str, Any]]:
    if slug not in action_types:
        return []
    names = action_types.get(slug).names(config)
    return [
        {"kind": kind, "name": name, "path": f"action_config.{path}"} for kind, name, path in names if kind in KINDS
    ]


class Migration(migrations.Migration):
    dependencies = [("crm", "0005_usages"), ("workflows", "0009_sending_limits")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
