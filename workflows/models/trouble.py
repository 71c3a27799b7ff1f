"""What goes wrong in workflows, on its way to their owners."""

from django.db import models
from django.db.models import Q

from accounts.scoping import AccountRow, BulkAccountRow
from workflows.models.workflow import Workflow


class TroubleKind(models.TextChoices):
    """How an execution can need its owner."""

    FAILED = "execution_failed", "failed"
    UNKNOWN = "outcome_unknown", "wait for your word whether something was sent"
    AUTHENTICATION = "authentication", "stand still since credentials were refused"


class Trouble(BulkAccountRow):
    """Executions of one batch that failed or paused alike; removed once the owner's notification counts them."""

    workflow_id = models.UUIDField()
    kind = models.CharField(max_length=20, choices=TroubleKind.choices)
    execution_id = models.UUIDField(help_text="One of them.")
    message = models.TextField(blank=True, help_text="What that one failed with.")
    count = models.PositiveIntegerField()

    class Meta:
        db_table = "workflow_troubles"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.count} {self.kind}"


class FailureMail(AccountRow):
    """What the next mail to a workflow's owner will tell, and when the last one was sent."""

    workflow = models.OneToOneField(Workflow, on_delete=models.CASCADE, related_name="+")
    counts = models.JSONField(default=dict, help_text="Executions by kind of trouble since the last mail.")
    message = models.TextField(blank=True, help_text="What the latest of them failed with.")
    due_at = models.DateTimeField(null=True, help_text="When to send the next one; null: nothing to tell.")
    sent_at = models.DateTimeField(null=True, help_text="When the last one was sent; the next follows an hour later.")

    class Meta:
        db_table = "workflow_failure_mails"
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="failure_mail_due")]

    def __str__(self) -> str:
        return f"{self.workflow}: {self.counts}"
