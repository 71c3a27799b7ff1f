"""The base of every config: strict about names and types, errors with dotted paths, defaults filled only on demand."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, cast
from uuid import UUID

import orjson
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.settings import api_settings

from accounts.problems import Invalid, Problem
from workflows.configs.hints import Hint

SIZE_LIMIT = 64 * 1024
"""Bytes of a config as stored."""
NAME_LENGTH = 60
"""Characters of an unknown name that an error repeats."""


class StrictConfig(serializers.Serializer[Any]):
    """A serializer that refuses unknown names and returns JSON types only.

    Fields that were not sent stay away unless the context says `fill`; `validate` always sees the defaults.
    """

    size_limit: ClassVar[int] = SIZE_LIMIT
    hints: ClassVar[Mapping[str, Hint]] = {}
    """What forms may know of fields, by their names."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            errors = {
                name[:NAME_LENGTH]: [unknown_field(name, self.fields)] for name in data if name not in self.fields
            }
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            errors |= cast("dict[str, Any]", error.detail)
        if errors:
            raise ValidationError(errors)
        return value

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        if isinstance(value, Mapping) and isinstance(data, Mapping) and not self.context.get("fill"):
            return {name: item for name, item in value.items() if name in data}
        return value

    @property
    def account_id(self) -> UUID:
        """The account whose objects the config may refer to."""
        account_id: UUID = self.context["account_id"]
        return account_id


def unknown_field(name: str, known: Iterable[str]) -> ErrorDetail:
    """Return the error for a name that does not exist, with the nearest that does."""
    name = name[:NAME_LENGTH]
    nearest = difflib.get_close_matches(name, known := list(known), n=1)
    if nearest:
        hint = f"; did you mean `{nearest[0]}`?"
    else:
        hint = f"; known are {', '.join(known)}." if known else "; there are no fields."
    return ErrorDetail(f"unknown field `{name}`{hint}", code="unknown_field")


def clean(config_class: type[StrictConfig], config: Any, *, account_id: UUID) -> dict[str, Any]:
    """Return what was sent, normalised and without defaults, or raise Invalid with paths inside the config."""
    serializer = config_class(data=config, context={"account_id": account_id})
    try:
        cleaned: dict[str, Any] = serializer.run_validation(config)
    except ValidationError as error:
        raise Invalid(*problems_in(error.detail)) from None
    if len(orjson.dumps(cleaned)) > config_class.size_limit:
        raise Invalid(Problem("max_length", f"A config has at most {config_class.size_limit // 1024} KB; shorten it."))
    return cleaned


def complete(config_class: type[StrictConfig], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cleaned config with its defaults; checks nothing again."""
    return fill(config_class(), config)


def fill(field: serializers.Field[Any, Any, Any, Any], value: Any) -> Any:
    """Return the value with the defaults of the field's parts."""
    if isinstance(field, StrictConfig) and isinstance(value, Mapping):
        filled = dict(value)
        for name, part in field.fields.items():
            if name in filled:
                filled[name] = fill(part, filled[name])
            elif part.default is not serializers.empty:
                filled[name] = part.default() if callable(part.default) else part.default
        return filled
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return [fill(field.child, item) for item in value]
    return value


def problems_in(detail: Any, path: str = "") -> Iterator[Problem]:
    """Flatten DRF's error tree into problems with dotted paths."""
    if isinstance(detail, Mapping):
        for name, part in detail.items():
            is_own = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from problems_in(part, path if is_own else f"{path}.{name}" if path else str(name))
    elif isinstance(detail, (list, tuple)):
        for part in detail:
            yield from problems_in(part, path)
    else:
        yield Problem(getattr(detail, "code", None) or "invalid", str(detail), path or None)
