"""Pipelines: the stages that opportunities pass on their way to being won or lost."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.scoping import AccountRow


class Pipeline(AccountRow):
    """An ordered list of stages."""

    name = models.CharField(max_length=100, help_text="1–100 characters; unique in the account in any case.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint("account", Lower("name"), name="pipeline_name_once")]

    def __str__(self) -> str:
        return self.name


class StageKind(models.TextChoices):
    OPEN = "open", "Open"
    WON = "won", "Won: the end"
    LOST = "lost", "Lost: the end"


class Stage(AccountRow):
    """A place that an opportunity can be at; won and lost ones close it."""

    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="stages")
    name = models.CharField(max_length=100, help_text="1–100 characters; unique in the pipeline in any case.")
    kind = models.CharField(
        max_length=4,
        choices=StageKind.choices,
        default=StageKind.OPEN,
        help_text="`won` and `lost` close the opportunities that come there.",
    )
    position = models.PositiveSmallIntegerField(help_text="0-based place in the pipeline.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pipeline_id", "position"]
        constraints = [
            models.UniqueConstraint("pipeline", Lower("name"), name="stage_name_once"),
            models.UniqueConstraint(
                fields=["pipeline", "position"], name="stage_position_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(condition=Q(kind__in=StageKind.values), name="stage_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name
