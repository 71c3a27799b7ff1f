"""JSON Schema of a config, from its serializer: the API, OpenAPI and the docs show the same."""

from typing import Any

from rest_framework import serializers

from workflows.configs.amounts import LARGEST, AmountField
from workflows.configs.base import StrictConfig
from workflows.configs.fields import MappingField, TemplateField, TemplateJsonField, TemplateValueField, TextField
from workflows.configs.messenger import PageField
from workflows.configs.references import ReferenceField

AnyField = serializers.Field[Any, Any, Any, Any]
Schema = dict[str, Any]


def schema_of(config_class: type[StrictConfig]) -> Schema:
    """Return the JSON Schema (2020-12, a subset that OpenAPI 3.0 shares) of a config."""
    return object_schema(config_class())


def object_schema(config: StrictConfig) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {name: described(field) for name, field in config.fields.items()},
        "additionalProperties": False,
    }
    if required := [name for name, field in config.fields.items() if field.required]:
        schema["required"] = required
    return schema


def described(field: AnyField) -> Schema:
    schema = field_schema(field)
    if field.help_text:
        schema["description"] = str(field.help_text)
    if field.write_only:
        schema["writeOnly"] = True
    if field.default is not serializers.empty and not callable(field.default):
        schema["default"] = field.default
    return schema


def field_schema(field: AnyField) -> Schema:  # noqa: PLR0911, PLR0912 - a table
    match field:
        case StrictConfig():
            return object_schema(field)
        case AmountField():
            text = {"type": "string", "format": "liquid"}
            return {"oneOf": [{"type": "number", "minimum": 0, "maximum": float(LARGEST)}, text]}
        case TemplateField():
            return {"type": "string", "format": "liquid", "x-rendered-max-length": field.rendered_limit}
        case TemplateJsonField():
            return {
                "oneOf": [{"type": "object", "additionalProperties": True}, {"type": "array", "items": {}}],
                "x-rendered-max-bytes": field.rendered_limit,
            }
        case TemplateValueField():
            text = {"type": "string", "format": "liquid"}
            return {
                "nullable": True,
                "oneOf": [text, {"type": "number"}, {"type": "boolean"}, {"type": "array", "items": text}],
            }
        case PageField():
            return {"type": "string", "x-reference": field.reference}
        case ReferenceField():
            return {"type": "string", "format": "uuid", "x-reference": field.reference}
        case serializers.ChoiceField():
            return {"type": "string", "enum": list(field.choices)}
        case TextField():
            return text_schema(field)
        case serializers.IntegerField():
            return {"type": "integer", "minimum": field.min_value, "maximum": field.max_value}
        case serializers.BooleanField():
            return {"type": "boolean"}
        case MappingField():
            return {"type": "object", "additionalProperties": described(field.child), "maxProperties": field.max_length}
        case serializers.ListField():
            schema: Schema = {"type": "array", "items": described(field.child), "maxItems": field.max_length}
            return schema | ({"minItems": field.min_length} if field.min_length else {})
    raise TypeError(f"{type(field).__name__} has no JSON Schema")


def text_schema(field: TextField) -> Schema:
    schema: Schema = {"type": "string"}
    if field.min_length:
        schema["minLength"] = field.min_length
    if field.max_length:
        schema["maxLength"] = field.max_length
    if field.pattern:
        schema["pattern"] = f"^(?:{field.pattern.pattern})$"
    return schema
