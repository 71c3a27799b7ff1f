"""Deals with contacts."""

from django.db import models
from django.db.models import Q

from accounts.scoping import BulkAccountRow
from workflows.crm.models.contact import Contact
from workflows.crm.models.pipeline import Pipeline, Stage


class OpportunityStatus(models.TextChoices):
    OPEN = "open", "Open"
    WON = "won", "Won"
    LOST = "lost", "Lost"


class Opportunity(BulkAccountRow):
    """A deal that may be made with a contact, at one stage of one pipeline."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="opportunities", db_index=False)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.RESTRICT, related_name="+", db_index=False)
    stage = models.ForeignKey(Stage, on_delete=models.RESTRICT, related_name="opportunities")
    name = models.CharField(max_length=200, help_text="1–200 characters.")
    value = models.DecimalField(
        max_digits=15, decimal_places=3, default=0, help_text="What it is worth, ≥ 0, ≤ 3 decimal places."
    )
    currency = models.CharField(max_length=3, help_text="ISO 4217 code of the value.")
    status = models.CharField(
        max_length=4,
        choices=OpportunityStatus.choices,
        default=OpportunityStatus.OPEN,
        help_text="A won or lost stage decides it.",
    )
    owner = models.ForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="The member who looks after it; null: nobody.",
    )
    source = models.CharField(max_length=100, blank=True, help_text="Where it came from, ≤ 100 characters.")
    expected_close_on = models.DateField(null=True, blank=True, help_text="Day on which it should be closed; or null.")
    stage_entered_at = models.DateTimeField(editable=False, help_text="When it came to its stage (UTC).")
    closed_at = models.DateTimeField(null=True, editable=False, help_text="When it was won or lost (UTC); null: open.")
    caused_by_id = models.UUIDField(null=True, editable=False, help_text="The action execution that made it.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "opportunities"
        indexes = [
            models.Index(fields=["account", "-id"], name="opportunity_by_account"),
            models.Index(fields=["contact", "pipeline", "-id"], name="opportunity_by_contact"),
            models.Index(fields=["pipeline", "stage", "-id"], name="opportunity_by_stage"),
            models.Index(
                fields=["owner"], condition=Q(owner__isnull=False, status="open"), name="opportunity_open_by_owner"
            ),
        ]
        constraints = [models.CheckConstraint(condition=Q(value__gte=0), name="opportunity_value_not_negative")]

    def __str__(self) -> str:
        return self.name


class StageEntry(BulkAccountRow):
    """An opportunity's coming to a stage, or to another status at the same one; the first was its making.

    Names and ids are copies: history outlives pipelines and stages.
    """

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="history")
    pipeline_id = models.UUIDField(help_text="The pipeline.")
    stage_id = models.UUIDField(help_text="The stage it came to.")
    stage_name = models.CharField(max_length=100, help_text="What the stage was called.")
    status = models.CharField(max_length=4, choices=OpportunityStatus.choices, help_text="Its status from then on.")
    entered_at = models.DateTimeField(help_text="When (UTC).")
    actor_id = models.UUIDField(null=True, help_text="User id of who did it; null: a workflow or an API key.")
    actor_label = models.CharField(max_length=200, help_text="Who did it, in words.")
    caused_by_id = models.UUIDField(null=True, help_text="The action execution that did it; null: no workflow.")

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "stage entries"

    def __str__(self) -> str:
        return f"{self.stage_name} at {self.entered_at}"
