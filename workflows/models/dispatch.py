"""Steps on their way outside."""

from django.db import models
from django.db.models import Q

from accounts.scoping import BulkAccountRow
from workflows.models.execution import WorkflowExecution


class DispatchStatus(models.TextChoices):
    READY = "ready", "To be claimed"
    CLAIMED = "claimed", "A worker prepares it"
    SENDING = "sending", "The call is being made"
    SCHEDULED = "scheduled", "Ready again when its execution is due"
    PARKED = "parked", "Its workflow is paused"
    AWAITING = "awaiting", "Sent, its result comes by callback"
    UNKNOWN = "unknown", "Sent, outcome unknown"


class WorkflowDispatch(BulkAccountRow):
    """One step's outside effect on its way; the row is removed once its outcome is known.

    The id is derived from (execution, visit, action) and is the effect's idempotency key.
    """

    execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, related_name="dispatches", db_index=False
    )
    workflow_id = models.UUIDField()
    action_id = models.UUIDField()
    visit = models.PositiveIntegerField()
    log_id = models.UUIDField(help_text="The visit's log row.")
    lane = models.CharField(max_length=12, help_text="Which lane takes it: email, http.")
    host = models.CharField(max_length=255, blank=True, help_text="Whom it calls; empty until it was prepared once.")
    status = models.CharField(max_length=9, choices=DispatchStatus.choices, default=DispatchStatus.READY)
    due_at = models.DateTimeField(help_text="Since when it is to be claimed; the oldest comes first.")
    lease_id = models.UUIDField(null=True, help_text="The claim that works on it now.")
    lease_until = models.DateTimeField(null=True, help_text="By the database clock; past: anyone may take over.")
    lost_leases = models.PositiveSmallIntegerField(default=0, help_text="Workers in a row that died over it.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Calls begun.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Failed calls that count as attempts.")
    rate_limits = models.PositiveSmallIntegerField(
        default=0, help_text="Calls that were refused as too many, in a row."
    )
    rate_limited_since = models.DateTimeField(null=True, help_text="When the first of these was refused.")
    paced_until = models.DateTimeField(
        null=True, help_text="When it gets its turn by the sending limits, if it was held back for them."
    )
    is_ambiguous = models.BooleanField(default=False, help_text="A call may have had its effect, nobody knows.")
    request = models.JSONField(null=True, help_text="The prepared request; removed once its outcome is known.")

    class Meta:
        db_table = "workflow_dispatches"
        constraints = [models.UniqueConstraint(fields=["execution", "visit", "action_id"], name="dispatch_once")]
        indexes = [
            models.Index(
                fields=["lane", "account", "host", "due_at"], condition=Q(status="ready"), name="dispatch_due"
            ),
            models.Index(
                fields=["lane", "due_at"], condition=Q(status="ready", lost_leases__gt=0), name="dispatch_lost"
            ),
            models.Index(
                fields=["lane", "account", "host", "paced_until"],
                condition=Q(status="scheduled", paced_until__isnull=False),
                name="dispatch_paced",
            ),
            models.Index(fields=["lease_until"], condition=Q(lease_id__isnull=False), name="dispatch_leased"),
        ]

    def __str__(self) -> str:
        return f"{self.lane}: {self.status}"
