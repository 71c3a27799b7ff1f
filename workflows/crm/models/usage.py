"""What workflows refer to."""

from django.db import models
from django.db.models import Q

from accounts.scoping import AccountRow


class Usage(AccountRow):
    """One place of a workflow that refers to an object of the account, by id or by name.

    Written by authoring with every change of an action or a trigger, once more for each version (`version` is set)
    while contacts may run it. Plain ids: records know nothing of workflows, and can yet refuse to go.
    """

    kind = models.CharField(max_length=20, help_text="What is referred to, e.g. `tag`, `template`, `user`.")
    object_id = models.UUIDField(null=True, help_text="Its id; null: referred to by name.")
    name = models.CharField(max_length=200, blank=True, help_text="Its name, a tag's folded; empty: referred to by id.")
    workflow_id = models.UUIDField(help_text="The workflow that refers to it.")
    version = models.PositiveIntegerField(null=True, help_text="Of which version; null: what people edit now.")
    action_id = models.UUIDField(null=True, help_text="The action that refers to it; null: a trigger does.")
    trigger_id = models.UUIDField(null=True, help_text="The trigger that refers to it; null: an action does.")
    key = models.CharField(max_length=50, blank=True, help_text="The action's key; empty: a trigger.")
    part_type = models.CharField(max_length=40, help_text="Slug of the action's or trigger's type.")
    path = models.CharField(max_length=1000, help_text="Where in it, e.g. `action_config.template_id`.")

    class Meta:
        ordering = ["workflow_id", "id"]
        indexes = [
            models.Index(fields=["account", "kind", "object_id"], name="usage_by_object"),
            models.Index(fields=["account", "kind", "name"], condition=~Q(name=""), name="usage_by_name"),
            models.Index(fields=["workflow_id", "version"], name="usage_by_workflow"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id or self.name} in {self.workflow_id}"
