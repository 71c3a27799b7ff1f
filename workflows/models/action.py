"""The steps of a workflow, as people edit them."""

from django.core.validators import RegexValidator
from django.db import models

from accounts.scoping import AccountRow
from workflows.models.workflow import Workflow


class OnError(models.TextChoices):
    STOP = "stop", "Fail the execution and notify the owner"
    CONTINUE = "continue", "Log the failure and go on"


class Action(AccountRow):
    """A step: it hangs from the slot (previous action, branch), which holds at most one.

    The link is the only truth of order; position and next action are derived from it. The deferrable unique
    constraint `action_slot_once` (NULLS NOT DISTINCT) is added by an operation of its own in the migration.
    """

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="actions")
    key = models.CharField(
        max_length=50,
        validators=[RegexValidator(r"^[a-z0-9_]{1,50}\Z", "Use 1–50 lower-case letters, digits and _.")],
        help_text="Stable name, unique in the workflow, used as `steps.<key>`: `[a-z0-9_]{1,50}`.",
    )
    action_type = models.CharField(max_length=40, help_text="Slug of a registered type.")
    action_config = models.JSONField(default=dict, help_text="What the type's serializer accepted.")
    name = models.CharField(max_length=120, blank=True, help_text="Label, ≤ 120 characters; default: the type's.")
    previous_action = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.RESTRICT,
        related_name="+",
        help_text="The step before; null: first of its list.",
    )
    branch_id = models.UUIDField(null=True, help_text="The branch it lives in; null: the main list.")
    is_enabled = models.BooleanField(default=True, help_text="Unset: contacts pass straight through.")
    on_error = models.CharField(max_length=8, choices=OnError.choices, default=OnError.STOP)
    retry = models.JSONField(null=True, help_text="Retry rule of this step; null: that of its type or error class.")
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "workflow_actions"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "key"], name="action_key_once"),
            models.UniqueConstraint(
                fields=["workflow", "branch_id", "previous_action"],
                name="action_slot_once",
                nulls_distinct=False,
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.key
