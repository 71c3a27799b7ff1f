"""Who changed what, when."""

from django.db import models

from accounts.scoping import BulkAccountRow


class AuditEntry(BulkAccountRow):
    """One change by one actor: written in the transaction of the change, never altered."""

    actor_user = models.ForeignKey(
        "accounts.User",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The person who acted, or whose API key did.",
    )
    actor_api_key_id = models.UUIDField(null=True, help_text="The API key, if a program acted.")
    actor_label = models.CharField(max_length=200, help_text="The actor as text; outlives the user and the key.")
    verb = models.CharField(max_length=80, help_text="What was done, e.g. `workflow.activated`.")
    object_type = models.CharField(max_length=40, help_text="Kind of the object, e.g. `workflow`.")
    object_id = models.UUIDField(help_text="Id of the object.")
    before = models.JSONField(null=True, help_text="The changed fields as they were; secrets masked.")
    after = models.JSONField(null=True, help_text="The changed fields as they are now; secrets masked.")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["account", "-id"], name="audit_by_account"),
            models.Index(fields=["account", "object_id", "-id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb}"
