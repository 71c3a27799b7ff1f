"""The kinds of triggers: what an editor needs to offer them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from accounts.problems import Missing
from workflows.api.kinds import KindViewSet
from workflows.configs.schema import schema_of
from workflows.models import Trigger
from workflows.triggers.base import TriggerType
from workflows.triggers.registry import UnknownTriggerType, registry


class TriggerTypeSerializer(serializers.Serializer[TriggerType]):
    """A kind of trigger."""

    slug = serializers.CharField(help_text="Its name, as `trigger_type`.")
    label = serializers.CharField(help_text="Its name for people.")  # type: ignore[assignment]
    description = serializers.CharField(help_text="When it enrolls (Markdown).")
    icon = serializers.CharField(help_text="A Material Symbols name.")
    event_type = serializers.CharField(allow_null=True, help_text="The event it waits for; null: none.")
    schema = serializers.SerializerMethodField(help_text="JSON Schema of `settings`.")
    example = serializers.DictField(help_text="Settings that are accepted.")

    def get_schema(self, kind: TriggerType) -> dict[str, Any]:
        return schema_of(kind.Settings)


class TriggerTypeViewSet(KindViewSet):
    """Kinds of triggers."""

    queryset: QuerySet[Any] = Trigger.objects.none()
    serializer_class = TriggerTypeSerializer

    def kinds(self) -> Sequence[TriggerType]:
        return list(registry)

    def find_kind(self, slug: str) -> TriggerType:
        try:
            return registry.get(slug)
        except UnknownTriggerType:
            raise Missing from None
