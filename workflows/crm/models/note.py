"""Remarks about contacts."""

from django.db import models

from accounts.scoping import BulkAccountRow
from workflows.crm.models.contact import Contact


class NoteType(models.TextChoices):
    GENERAL = "general", "General"
    WORKFLOW = "workflow", "Workflow"
    SYSTEM = "system", "System"


class Note(BulkAccountRow):
    """A remark about a contact."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="notes")
    content = models.TextField(max_length=5000, help_text="1–5000 characters.")
    note_type = models.CharField(max_length=8, choices=NoteType.choices, default=NoteType.GENERAL)
    author = models.ForeignKey(
        "accounts.User",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who wrote it; null: the system.",
    )
    caused_by_id = models.UUIDField(null=True, help_text="The action execution that wrote it.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.content[:60]
