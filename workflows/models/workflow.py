"""What people edit: the workflow itself."""

from typing import Self

from django.core.validators import MaxLengthValidator, MinLengthValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.scoping import AccountQuerySet, AccountRow


class WorkflowStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    ARCHIVED = "archived", "Archived"


class Reentry(models.TextChoices):
    """How often one contact may be in one workflow."""

    SINGLE = "single", "Once ever"
    AFTER_EXIT = "after_exit", "Again after leaving"
    MULTIPLE = "multiple", "Any number at a time"


class WorkflowQuerySet(AccountQuerySet):
    """Workflows; `present()` leaves out the deleted ones."""

    def present(self) -> Self:
        return self.filter(deleted_at=None)


class Workflow(AccountRow):
    """A plan that contacts are led through: triggers, settings and a linked list of actions."""

    name = models.CharField(
        max_length=100,
        validators=[
            MinLengthValidator(3),
            RegexValidator(r"^[\w \-]+\Z", "Use letters, digits, spaces, - and _ only."),
        ],
        help_text="3–100 letters, digits, spaces, - and _; unique in the account whatever the case.",
    )
    description = models.TextField(
        max_length=2000,
        validators=[MaxLengthValidator(2000)],
        blank=True,
        help_text="For people; ≤ 2000 characters.",
    )
    status = models.CharField(max_length=8, choices=WorkflowStatus.choices, default=WorkflowStatus.DRAFT)
    revision = models.PositiveIntegerField(default=1, help_text="Counts every change; the ETag of the order.")
    version = models.PositiveIntegerField(default=0, help_text="Number of the latest version; 0: never activated.")
    reentry = models.CharField(max_length=10, choices=Reentry.choices, default=Reentry.AFTER_EXIT)
    timezone = models.CharField(max_length=64, blank=True, help_text="IANA zone; empty: the account's.")
    notify_on_failure = models.BooleanField(default=True, help_text="Tell the owner when an execution fails or pauses.")
    owner = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = WorkflowQuerySet.as_manager()  # type: ignore[misc]  # as_manager() makes no ClassVar for mypy

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint("account", Lower("name"), condition=Q(deleted_at=None), name="workflow_name_once")
        ]

    def __str__(self) -> str:
        return self.name
