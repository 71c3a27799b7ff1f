"""What enrolls contacts into a workflow."""

from typing import Any, cast

from accounts.api.views import CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.authoring import PartViewSet
from workflows.api.trigger_serializers import NewTrigger, TriggerSerializer, TriggerUpdate
from workflows.authoring import triggers
from workflows.models import Trigger


class TriggerViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, PartViewSet):
    """Triggers of a workflow; any of them enrolls. Changes need a draft or paused workflow."""

    queryset = Trigger.objects.all()
    serializer_class = TriggerSerializer
    own_tag_actions = ("partial_update", "destroy")
    input_serializer_classes = {"create": NewTrigger, "partial_update": TriggerUpdate}

    def perform_create(self, data: dict[str, Any]) -> Trigger:
        return triggers.add_trigger(**self.on_behalf(), **data)

    def perform_update(self, instance: Trigger, data: dict[str, Any]) -> Trigger:
        changes = cast("triggers.TriggerChanges", data)
        return triggers.update_trigger(**self.on_behalf(), trigger_id=instance.id, changes=changes)

    def perform_destroy(self, instance: Trigger) -> None:
        triggers.remove_trigger(**self.on_behalf(), trigger_id=instance.id)
