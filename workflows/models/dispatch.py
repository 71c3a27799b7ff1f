"""Steps on their way outside."""

from django.db import models
from django.db.models import Q

from accounts.scoping import BulkAccountRow
from workflows.models.execution import WorkflowExecution


class DispatchStatus(models.TextChoices):
    READY = "ready", "To be claimed"
    CLAIMED = "claimed", "A worker prepares it"
    SENDING = "sending", "The call is being made"
    UNKNOWN = "unknown", "Sent, outcome unknown"


class WorkflowDispatch(BulkAccountRow):
    """One step's outside effect on its way; the id is derived from (execution, visit, action) and is its idempotency key."""

    execution = models.ForeignKey(WorkflowExecution, on_delete=models.CASCADE, related_name="dispatches")
    action_id = models.UUIDField()
    visit = models.PositiveIntegerField()
    lane = models.CharField(max_length=12, help_text="Which lane takes it: email, sms, voice, messenger, http, code.")
    status = models.CharField(max_length=8, choices=DispatchStatus.choices, default=DispatchStatus.READY)
    due_at = models.DateTimeField()
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    request = models.JSONField(null=True, help_text="The prepared request; removed once its outcome is known.")

    class Meta:
        db_table = "workflow_dispatches"
        constraints = [models.UniqueConstraint(fields=["execution", "visit", "action_id"], name="dispatch_once")]
        indexes = [models.Index(fields=["lane", "account", "due_at"], condition=Q(status="ready"), name="dispatch_due")]

    def __str__(self) -> str:
        return f"{self.lane}: {self.status}"
