"""What enrolls contacts."""

from django.db import models

from accounts.scoping import AccountRow
from workflows.models.workflow import Workflow


class Trigger(AccountRow):
    """One way into a workflow."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="triggers")
    trigger_type = models.CharField(max_length=40, help_text="Slug of a registered trigger type.")
    filters = models.JSONField(null=True, help_text="Condition tree over contact and event; null: every event.")
    settings = models.JSONField(default=dict, help_text="The type's own settings.")
    is_active = models.BooleanField(default=True, help_text="Unset: enrolls nobody.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "workflow_triggers"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.trigger_type
