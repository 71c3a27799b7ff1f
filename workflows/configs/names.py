"""Fields that name an object of the account as people do, by its name or key, and the finding of such names."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from workflows.configs.base import StrictConfig
from workflows.configs.fields import MappingField, TemplateField, TextField
from workflows.crm.folding import fold
from workflows.crm.services.contacts.reading import CUSTOM_PREFIX
from workflows.templating import TemplateProblem, compile_template, templates_in

CONTACT_PREFIX = "contact."
KEY_LENGTH = 50
"""Characters of a custom field's key; a longer one is none."""
CUSTOM_FIELDS = ("contact", "custom_fields")
TAG = "tag"
CUSTOM_FIELD = "custom_field"
NUMBER_KINDS = {"sms": "sms_number", "voice": "voice_number"}
"""By what a number of the account does: it may lose one of the two and keep the other."""

Name = tuple[str, str, str]
"""(kind, the name as it is looked up, path inside the config)."""


class NamingField(serializers.Field[Any, Any, Any, Any]):
    """A field whose value may name objects of the account."""

    @abstractmethod
    def names(self, value: Any, path: str) -> Iterator[Name]:
        """Yield what a cleaned value names."""


class TagNameField(NamingField, TextField):
    """The name of a tag, the same for every contact."""

    def names(self, value: Any, path: str) -> Iterator[Name]:
        yield TAG, fold(value), path


class TagNameTemplateField(NamingField, TemplateField):
    """The name of a tag; one that is rendered is known only when the step is taken."""

    def names(self, value: Any, path: str) -> Iterator[Name]:
        if is_plain(value):
            yield TAG, fold(value), path


class ContactFieldNameField(NamingField, TextField):
    """The full name of a field of the contact, with or without `contact.`, such as `custom_fields.<key>`."""

    def names(self, value: Any, path: str) -> Iterator[Name]:
        name = value.removeprefix(CONTACT_PREFIX)
        if name.startswith(CUSTOM_PREFIX):
            yield CUSTOM_FIELD, name.removeprefix(CUSTOM_PREFIX), path


class CustomFieldNameField(NamingField, TextField):
    """The key of a custom field, with or without `custom_fields.`."""

    def names(self, value: Any, path: str) -> Iterator[Name]:
        yield CUSTOM_FIELD, value.removeprefix(CUSTOM_PREFIX), path


class CustomFieldsField(NamingField, MappingField):
    """Values by the key of their custom field."""

    def names(self, value: Any, path: str) -> Iterator[Name]:
        for key in value:
            yield CUSTOM_FIELD, key, f"{path}.{key}"


def is_plain(text: str) -> bool:
    """Tell whether a text is the same for every contact; one that does not compile is no name at all."""
    try:
        return compile_template(text).is_plain
    except TemplateProblem:
        return False


def names_in(config_class: type[StrictConfig], config: Mapping[str, Any]) -> Iterator[Name]:
    """Yield what a cleaned config names: in fields made for it, and custom fields in its templates, each path once."""
    found = dict.fromkeys([*_walk(config_class(), config, ""), *_in_templates(config)])
    yield from found


def _walk(field: serializers.Field[Any, Any, Any, Any], value: Any, path: str) -> Iterator[Name]:
    if isinstance(field, NamingField):
        if value is not None:
            yield from field.names(value, path)
    elif isinstance(field, StrictConfig) and isinstance(value, Mapping):
        for name, part in field.fields.items():
            if name in value:
                yield from _walk(part, value[name], f"{path}.{name}" if path else name)
    elif isinstance(field, serializers.ListField) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(field.child, item, f"{path}.{index}")


def _in_templates(config: Mapping[str, Any]) -> Iterator[Name]:
    for path, source in templates_in(config):
        if "custom_fields" not in source:
            continue
        try:
            variables = compile_template(source).variables
        except TemplateProblem:  # a text of another kind, which is no template
            continue
        for key in sorted({names[2] for names in variables if names[:2] == CUSTOM_FIELDS and names[2:]}):
            if len(key) <= KEY_LENGTH:
                yield CUSTOM_FIELD, key, path
