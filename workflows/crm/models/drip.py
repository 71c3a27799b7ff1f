"""How far the queues of `drip` steps have come."""

from django.db import models

from accounts.scoping import BulkAccountRow


class Drip(BulkAccountRow):
    """The queue of one `drip` step: everyone who comes draws a number, and those up to `granted` may pass.

    Plain ids: records know nothing of workflows.
    """

    workflow_id = models.UUIDField(help_text="The workflow.")
    action_id = models.UUIDField(help_text="Its step, whatever the version.")
    issued = models.PositiveBigIntegerField(default=0, help_text="The last number drawn; 0: none yet.")
    granted = models.PositiveBigIntegerField(default=0, help_text="Contacts with a number up to this one may pass.")
    window_started_at = models.DateTimeField(help_text="When the present interval began (UTC).")
    window_granted = models.PositiveIntegerField(default=0, help_text="Numbers granted in the present interval.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow_id", "action_id"], name="drip_once")]

    def __str__(self) -> str:
        return f"{self.action_id}: {self.granted} of {self.issued}"
