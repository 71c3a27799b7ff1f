"""The templates inside configs: which variables they ask for."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from workflows.configs.base import StrictConfig
from workflows.configs.fields import TemplateField, TemplateValueField
from workflows.templating import TemplateProblem, compile_template, templates_in


def variables_in(config_class: type[StrictConfig], config: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """Return the paths of outside variables used by all templates of a cleaned config."""
    found: set[tuple[str, ...]] = set()
    for source in sources_in(config_class(), config):
        try:
            found |= compile_template(source).variables
        except TemplateProblem:
            continue
    return found


def sources_in(field: serializers.Field[Any, Any, Any, Any], value: Any) -> Iterator[str]:
    """Yield the source of every template in the value of a field."""
    if isinstance(field, TemplateField):
        if isinstance(value, str):
            yield value
    elif isinstance(field, TemplateValueField):
        yield from (source for _, source in templates_in(value))
    elif isinstance(field, StrictConfig) and isinstance(value, Mapping):
        for name, part in field.fields.items():
            yield from sources_in(part, value.get(name))
    elif isinstance(field, serializers.ListField) and isinstance(value, list):
        for item in value:
            yield from sources_in(field.child, item)
    elif isinstance(field, serializers.DictField) and isinstance(value, Mapping):
        for item in value.values():
            yield from sources_in(field.child, item)
