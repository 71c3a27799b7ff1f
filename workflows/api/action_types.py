"""The kinds of actions: what an editor needs to offer them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers

from accounts.api.refusals import InvalidFilter
from accounts.problems import Missing, Problem
from workflows.actions.base import ActionType, Category
from workflows.actions.registry import UnknownActionType, registry
from workflows.api.kinds import KindViewSet
from workflows.configs.schema import schema_of
from workflows.models import Action


class TraitsSerializer(serializers.Serializer[Any]):
    """What an editor may want to know of a type besides its config."""

    sends_message = serializers.BooleanField(help_text="Whether contacts get a message by it.")
    has_branches = serializers.BooleanField(help_text="Whether it opens branches.")
    waits = serializers.BooleanField(help_text="Whether contacts rest at it.")


class ActionTypeSerializer(serializers.Serializer[ActionType]):
    """A kind of action."""

    slug = serializers.CharField(help_text="Its name, as `action_type`.")
    category = serializers.ChoiceField(choices=list(Category), help_text="Where a palette lists it.")
    label = serializers.CharField(help_text="Its name for people.")  # type: ignore[assignment]
    description = serializers.CharField(help_text="What it does (Markdown).")
    icon = serializers.CharField(help_text="A Material Symbols name.")
    schema = serializers.SerializerMethodField(help_text="JSON Schema of `action_config`.")
    example = serializers.DictField(help_text="A config that is accepted.")
    results = serializers.DictField(
        child=serializers.CharField(), help_text="What a completed step reports in `steps.<key>.*`: name to meaning."
    )
    events = serializers.ListField(child=serializers.CharField(), help_text="Events that the step may record.")
    traits = TraitsSerializer(help_text="What else an editor may want to know.")

    def get_schema(self, kind: ActionType) -> dict[str, Any]:
        return schema_of(kind.Config)


@extend_schema_view(
    list=extend_schema(parameters=[OpenApiParameter("category", enum=list(Category), description="Only these.")])
)
class ActionTypeViewSet(KindViewSet):
    """Kinds of actions, by category."""

    queryset: QuerySet[Any] = Action.objects.none()
    serializer_class = ActionTypeSerializer
    extra_query_parameters = ("category",)

    def kinds(self) -> Sequence[ActionType]:
        category = self.request.query_params.get("category")
        if category is not None and category not in list(Category):
            detail = f"category: Must be one of {', '.join(Category)}."
            raise InvalidFilter(Problem("invalid_filter", detail, "category"))
        return [kind for kind in registry if category in (None, kind.category)]

    def find_kind(self, slug: str) -> ActionType:
        try:
            return registry.get(slug)
        except UnknownActionType:
            raise Missing from None
