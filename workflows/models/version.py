"""What contacts run: snapshots that never change."""

from django.db import models

from accounts.scoping import AccountRow
from workflows.models.workflow import Workflow


class WorkflowVersion(AccountRow):
    """The workflow as it was at one activation.

    `definition`: `{"settings": {…}, "triggers": [{id, trigger_type, filters, settings, is_active}], "actions": [{id,
    key, action_type, name, config (complete, with defaults), previous_action_id, branch_id, is_enabled, on_error,
    retry}]}`, the actions in list order.
    """

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(help_text="1, 2, … within the workflow.")
    definition = models.JSONField()
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["workflow", "number"], name="workflow_version_once")]

    def __str__(self) -> str:
        return f"{self.workflow} v{self.number}"
