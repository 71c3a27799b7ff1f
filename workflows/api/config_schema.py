"""How OpenAPI shows the configs of actions, one of the types' own schemas, and their retry rules."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import serializers

from workflows.actions.base import ActionType
from workflows.actions.registry import registry
from workflows.authoring.retry_rules import RetryRule
from workflows.configs.schema import schema_of


class ActionConfigField(serializers.DictField):
    """An action's config as an object; its type's own serializer judges what is in it."""


class RetryRuleField(serializers.DictField):
    """An action's own retry rule as an object; authoring judges what is in it."""


class RetryRuleFieldExtension(OpenApiSerializerFieldExtension):
    target_class = RetryRuleField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        component = ResolvedComponent(
            name=RetryRule.__name__, type=ResolvedComponent.SCHEMA, object=RetryRule, schema=schema_of(RetryRule)
        )
        auto_schema.registry.register_on_missing(component)
        return {"allOf": [component.ref]}


class ActionConfigFieldExtension(OpenApiSerializerFieldExtension):
    target_class = ActionConfigField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"oneOf": [component_of(kind, auto_schema.registry).ref for kind in registry]}


def component_of(kind: ActionType, components: Any) -> ResolvedComponent:
    """Return the schema component of a type's config, e.g. `AddTagConfig`."""
    component = ResolvedComponent(
        name=f"{type(kind).__name__}Config",
        type=ResolvedComponent.SCHEMA,
        object=kind.Config,
        schema=schema_of(kind.Config),
    )
    components.register_on_missing(component)
    return component
