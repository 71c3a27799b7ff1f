"""Contacts on their way through workflows, and the log of what each step did."""

from django.db import models
from django.db.models import Q

from accounts.scoping import BulkAccountRow
from workflows.crm.models import Contact
from workflows.models.version import WorkflowVersion
from workflows.models.workflow import Workflow


class ExecutionStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    ACTIVE = "active", "Active"
    WAITING = "waiting", "Waiting"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ENDED_STATUSES = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)


class PauseReason(models.TextChoices):
    WORKFLOW_PAUSED = "workflow_paused", "The workflow is paused"
    OUTCOME_UNKNOWN = "outcome_unknown", "Nobody knows whether the step's effect happened"
    AUTHENTICATION = "authentication", "A connection's credentials were refused"


class CompletionReason(models.TextChoices):
    FINISHED = "finished", "Went through all steps"
    GOAL_ACHIEVED = "goal_achieved", "Met a goal"
    ENDED_BY_STEP = "ended_by_step", "A step ended it"
    WAIT_TIMEOUT = "wait_timeout", "A wait timed out"
    STEP_FAILED = "step_failed", "A step failed"
    LOOP_LIMIT = "loop_limit", "Went round too often"
    QUARANTINED = "quarantined", "A step stopped its worker three times"
    CANCELLED_BY_USER = "cancelled_by_user", "Cancelled by a person or program"
    CONTACT_DELETED = "contact_deleted", "The contact was deleted"
    CONTACT_OPTED_OUT = "contact_opted_out", "The contact opted out"
    WORKFLOW_ARCHIVED = "workflow_archived", "The workflow was archived"
    STOPPED_BY_WORKFLOW = "stopped_by_workflow", "Stopped by a workflow"
    REMOVED_FROM_CAMPAIGN = "removed_from_campaign", "Removed from the campaign"


class WorkflowExecution(BulkAccountRow):
    """One contact's run through one version.

    Due rows are those with `due_at`, no lease, and a status that moves; `due_at` is null while nothing is to come
    (ended, paused by its workflow – then `paused_due_at` keeps the time).
    """

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="executions", db_index=False)
    version = models.ForeignKey(
        WorkflowVersion, on_delete=models.CASCADE, related_name="executions", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="executions", db_index=False)
    status = models.CharField(max_length=9, choices=ExecutionStatus.choices, default=ExecutionStatus.QUEUED)
    pause_reason = models.CharField(max_length=16, choices=PauseReason.choices, blank=True)
    completion_reason = models.CharField(max_length=24, choices=CompletionReason.choices, blank=True)
    enrollment_source = models.CharField(max_length=50, help_text="`api`, `admin`, `command`, or the trigger's type.")
    depth = models.PositiveSmallIntegerField(default=0, help_text="Starters before it (loop control).")
    current_action_id = models.UUIDField(null=True, help_text="The step it stands at; null: ended.")
    visits = models.PositiveIntegerField(default=0, help_text="Step visits so far; the next visit's number.")
    visit_window_started_at = models.DateTimeField(
        null=True, help_text="Start of the 24 h that `window_visits` counts."
    )
    window_visits = models.PositiveIntegerField(default=0, help_text="Step visits since `visit_window_started_at`.")
    jumps = models.PositiveSmallIntegerField(default=0, help_text="How often a `go_to` step moved it so far.")
    due_at = models.DateTimeField(null=True, help_text="When its step is to be taken; null: never by itself.")
    paused_status = models.CharField(max_length=9, blank=True, help_text="Status to restore when its workflow resumes.")
    paused_due_at = models.DateTimeField(null=True, help_text="`due_at` to restore when its workflow resumes.")
    lease_id = models.UUIDField(null=True, help_text="The claim that works on it now.")
    lease_until = models.DateTimeField(null=True, help_text="By the database clock; past: anyone may take over.")
    lost_leases = models.PositiveSmallIntegerField(default=0, help_text="Workers in a row that died over this step.")
    waiting_log_id = models.UUIDField(null=True, help_text="Log row of the wait or call it stands in.")
    trigger_data = models.JSONField(default=dict, help_text="`trigger.*` of templates.")
    steps = models.JSONField(default=dict, help_text="Results of steps by their key: `steps.*` of templates.")
    reentry_key = models.CharField(
        max_length=10,
        null=True,
        help_text="`inside` while no second run of the contact may exist; else null.",
    )
    error_message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "workflow_executions"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["account", "due_at", "id"],
                condition=Q(due_at__isnull=False, lease_id=None),
                name="execution_due",
            ),
            models.Index(fields=["lease_until"], condition=Q(lease_id__isnull=False), name="execution_leased"),
            models.Index(
                fields=["id"],
                condition=Q(due_at__isnull=True, lease_id=None, status__in=("queued", "active", "waiting")),
                name="execution_adrift",
            ),
            models.Index(fields=["workflow", "-id"], name="execution_by_workflow"),
            models.Index(fields=["contact", "-id"], name="execution_by_contact"),
            models.Index(fields=["workflow", "-id"], condition=~Q(status__in=ENDED_STATUSES), name="execution_inside"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "contact", "reentry_key"], name="execution_reentry_once")
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.workflow_id}: {self.status}"


class SingleEnrollment(BulkAccountRow):
    """A contact that entered a workflow whose re-entry is `single`; never pruned."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        db_table = "workflow_single_enrollments"
        constraints = [models.UniqueConstraint(fields=["workflow", "contact"], name="single_enrollment_once")]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.workflow_id}"


class ActionExecutionStatus(models.TextChoices):
    PENDING = "pending", "Waits for its lane"
    SCHEDULED = "scheduled", "Held back until `scheduled_at`"
    RUNNING = "running", "Being called"
    WAITING = "waiting", "Waiting"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


class ActionExecution(BulkAccountRow):
    """The log of one visit of one step: history, never a queue.

    Ids are plain columns without foreign keys: history outlives the action, and ten rows a contact are written.
    """

    workflow_execution = models.ForeignKey(
        WorkflowExecution, on_delete=models.CASCADE, related_name="logs", db_constraint=False, db_index=False
    )
    workflow_id = models.UUIDField()
    action_id = models.UUIDField()
    contact_id = models.UUIDField()
    action_type = models.CharField(max_length=40)
    action_key = models.CharField(max_length=50)
    visit = models.PositiveIntegerField(help_text="0-based number of the visit within the execution.")
    status = models.CharField(max_length=9, choices=ActionExecutionStatus.choices)
    error_class = models.CharField(max_length=20, blank=True)
    error_message = models.TextField(blank=True)
    failed_with_fallback = models.BooleanField(default=False)
    execution_data = models.JSONField(default=dict, help_text="The rendered input; secrets and bodies redacted.")
    result_data = models.JSONField(default=dict, help_text="What the step reported.")
    attempts = models.JSONField(default=list, help_text="Time, class and message of every failed try.")
    retry_count = models.PositiveSmallIntegerField(default=0)
    scheduled_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "workflow_action_executions"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["workflow_execution", "visit"], name="log_by_execution"),
            models.Index(fields=["account", "-id"], condition=Q(status="failed"), name="log_failed_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.action_key}: {self.status}"
