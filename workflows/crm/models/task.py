"""Things that members have to do about contacts."""

from django.db import models
from django.db.models import Q

from accounts.scoping import BulkAccountRow
from workflows.crm.models.contact import Contact


class TaskPriority(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class TaskStatus(models.TextChoices):
    OPEN = "open", "Open"
    COMPLETED = "completed", "Completed"


class Task(BulkAccountRow):
    """Something that a member has to do about a contact."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=200, help_text="1–200 characters.")
    description = models.TextField(max_length=5000, blank=True, help_text="≤ 5000 characters.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it should be done (UTC); null: no date.")
    assignee = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", help_text="A member."
    )
    priority = models.CharField(max_length=6, choices=TaskPriority.choices, default=TaskPriority.MEDIUM)
    status = models.CharField(max_length=9, choices=TaskStatus.choices, default=TaskStatus.OPEN)
    completed_at = models.DateTimeField(null=True, editable=False)
    caused_by_id = models.UUIDField(null=True, editable=False, help_text="The action execution that made it.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["account", "assignee", "due_at"], condition=Q(status="open"), name="task_open_by_assignee"
            )
        ]

    def __str__(self) -> str:
        return self.title
