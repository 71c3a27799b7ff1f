"""What members are told in the application."""

from django.db import models
from django.db.models import Q

from accounts.scoping import AccountRow


class Notification(AccountRow):
    """Something that one member is told; while it is unread, the same again counts up instead of adding a row."""

    recipient = models.ForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="+", db_index=False, help_text="Who is told."
    )
    kind = models.CharField(max_length=40, help_text="What it is about, e.g. `execution_failed`.")
    title = models.CharField(max_length=200, help_text="One line, ≤ 200 characters.")
    message = models.TextField(blank=True, help_text="The rest, as plain text; of several, the latest.")
    workflow_id = models.UUIDField(null=True, help_text="The workflow it is about; null: none.")
    execution_id = models.UUIDField(null=True, help_text="The execution it is about, of several the latest; or null.")
    topic = models.CharField(
        max_length=80, null=True, help_text="Unread notifications of one topic are one; null: it stands for itself."
    )
    count = models.PositiveIntegerField(default=1, help_text="How often it happened since it was last read.")
    occurred_at = models.DateTimeField(help_text="When it happened last (UTC).")
    read_at = models.DateTimeField(null=True, help_text="When the recipient read it (UTC); null: unread.")

    class Meta:
        ordering = ["-occurred_at", "-id"]
        indexes = [
            models.Index(fields=["recipient", "account", "-occurred_at", "-id"], name="notification_by_recipient"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "account", "topic"], condition=Q(read_at=None), name="notification_unread_once"
            )
        ]

    def __str__(self) -> str:
        return self.title
