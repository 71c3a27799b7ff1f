"""How OpenAPI shows what belongs to a type, each its own schema with an example, and retry rules."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import serializers

from accounts.api.schema import closed
from workflows.actions.registry import registry
from workflows.authoring.retry_rules import RetryRule
from workflows.configs.base import StrictConfig
from workflows.configs.schema import schema_of
from workflows.triggers.registry import registry as trigger_registry


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
    """A config whose type the path says, so that it may be of any."""

    target_class = ActionConfigField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"anyOf": [component_of(kind, kind.Config, auto_schema.registry).ref for kind in registry]}


class TypedExtension(OpenApiSerializerExtension):
    """What belongs to a type: the slug in one field decides what the other field may hold."""

    priority = 1  # before the one for all strict serializers
    type_field: ClassVar[str]
    config_field: ClassVar[str]

    def configs(self) -> Mapping[str, tuple[Any, type[StrictConfig]]]:
        """Return each kind and the serializer of its config, by slug."""
        raise NotImplementedError

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # noqa: SLF001 - as drf-spectacular's documentation has it
        if direction == "request":
            schema = closed(schema, self.target)
        configs, properties = self.configs(), schema["properties"]
        help_text = properties[self.config_field].get("description")
        properties[self.type_field] |= {"enum": list(configs)}
        properties[self.config_field] = {"type": "object", "additionalProperties": {}, "description": help_text}
        schema["oneOf"] = [
            {
                "title": kind.label,
                "properties": {
                    self.type_field: {"type": "string", "allOf": [{"enum": [slug]}]},  # no enum that wants a name
                    self.config_field: component_of(kind, config, auto_schema.registry).ref,
                },
            }
            for slug, (kind, config) in configs.items()
        ]
        return schema


class ActionExtension(TypedExtension):
    target_class = "workflows.api.action_serializers.ActionSerializer"
    type_field, config_field = "action_type", "action_config"

    def configs(self) -> Mapping[str, tuple[Any, type[StrictConfig]]]:
        return {kind.slug: (kind, kind.Config) for kind in registry}


class NewActionExtension(ActionExtension):
    target_class = "workflows.api.action_serializers.NewAction"


class TriggerExtension(TypedExtension):
    target_class = "workflows.api.trigger_serializers.TriggerSerializer"
    type_field, config_field = "trigger_type", "settings"

    def configs(self) -> Mapping[str, tuple[Any, type[StrictConfig]]]:
        return {kind.slug: (kind, kind.Settings) for kind in trigger_registry}


class NewTriggerExtension(TriggerExtension):
    target_class = "workflows.api.trigger_serializers.NewTrigger"


def component_of(kind: Any, config: type[StrictConfig], components: Any) -> ResolvedComponent:
    """Return the schema component of a type's config, e.g. `AddTagConfig`, with its example."""
    component = ResolvedComponent(
        name=f"{type(kind).__name__}{config.__name__}",
        type=ResolvedComponent.SCHEMA,
        object=config,
        schema={**schema_of(config), "example": kind.example},
    )
    components.register_on_missing(component)
    return component
