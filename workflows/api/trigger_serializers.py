"""How triggers look from outside."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.models import Trigger


class TriggerSerializer(serializers.ModelSerializer[Trigger]):
    """One way into a workflow."""

    class Meta:
        model = Trigger
        fields = (
            "id", "workflow_id", "trigger_type", "filters", "settings", "is_active", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class TriggerUpdate(StrictSerializer):
    """The body that changes a trigger; what is left out stays as it is."""

    example = {"is_active": False}

    filters = serializers.DictField(required=False, allow_null=True, help_text="Conditions; leave out: none.")
    settings = serializers.DictField(required=False, help_text="Replaces the type's settings; see `/trigger-types`.")
    is_active = serializers.BooleanField(required=False, help_text="False: it enrolls nobody.")


class NewTrigger(TriggerUpdate):
    """The body that adds a trigger."""

    example = {"trigger_type": "manual"}

    trigger_type = serializers.CharField(max_length=40, help_text="Slug of a type; see `/trigger-types`.")
