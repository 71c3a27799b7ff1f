"""Facts, written in the transaction of the change they tell of."""

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from accounts.scoping import BulkAccountRow


class Event(BulkAccountRow):
    """Something that happened to a contact.

    `sequence` is drawn while the contact's row is locked, so that among the events of one contact its order is the
    order of commits: whoever dispatches in that order never meets an earlier event late.
    """

    contact_id = models.UUIDField(help_text="The contact; no foreign key, since a fact outlives its contact.")
    event_type = models.CharField(max_length=50, help_text="A name of the catalogue, e.g. `tag_added`.")
    data = models.JSONField(default=dict, help_text="What templates see as `trigger.*`.")
    occurred_at = models.DateTimeField(help_text="When it happened (UTC).")
    source = models.CharField(max_length=100, default="", help_text="Who told: empty for our own records.")
    event_id = models.CharField(max_length=200, null=True, help_text="The source's id of the event; counts once.")
    caused_by_id = models.UUIDField(null=True, help_text="The action execution that made it; null: from outside.")
    depth = models.PositiveSmallIntegerField(default=0, help_text="How many workflows stand behind it (loop control).")
    sequence = models.BigIntegerField(
        db_default=RawSQL("nextval('crm_event_sequence')", []),
        editable=False,
        help_text="Order of dispatch per contact.",
    )
    dispatched_at = models.DateTimeField(null=True, editable=False, help_text="When the engine had seen it.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["contact_id", "sequence"], name="event_by_contact"),
            models.Index(fields=["sequence"], condition=Q(dispatched_at=None), name="event_undispatched"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "source", "event_id"], condition=Q(event_id__isnull=False), name="event_id_once"
            )
        ]

    def __str__(self) -> str:
        return self.event_type
