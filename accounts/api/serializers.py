"""Bases of every serializer: no unknown key is swallowed, no type converted, no foreign row reached."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.api.identifiers import parse_uuid

TEXT_FIELDS = (
    serializers.CharField,
    serializers.UUIDField,
    serializers.DateTimeField,
    serializers.DateField,
    serializers.TimeField,
    serializers.DurationField,
)
JSON_TYPES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


class Strictness:
    """Refuses unknown keys and values of another JSON type than the field's.

    That of a body says in `example` what is accepted as it is, once its ids name rows of the account; OpenAPI shows it.
    """

    example: ClassVar[Mapping[str, Any] | None] = None

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            errors = self._unknown_keys(data)
            if not hasattr(data, "getlist"):  # a form has texts only
                errors |= self._wrong_types(data)
        try:
            value = super().to_internal_value(data)  # type: ignore[misc]
        except ValidationError as error:
            details = error.detail if isinstance(error.detail, dict) else {}
            raise ValidationError({**details, **errors}) from None
        if errors:
            raise ValidationError(errors)
        return value

    def _unknown_keys(self, data: Mapping[str, Any]) -> dict[str, Any]:
        fields: Mapping[str, serializers.Field] = self.fields  # type: ignore[attr-defined]
        known = {name for name, field in fields.items() if not field.read_only}
        errors = {}
        for key in data:
            if key in known:
                continue
            if key in fields:
                detail = f"{key} cannot be set here."
            else:
                guesses = difflib.get_close_matches(key[:100], known, n=1)
                detail = f"There is no field {key[:100]}" + (f"; did you mean {guesses[0]}?" if guesses else ".")
            errors[key[:100]] = [ErrorDetail(detail, code="unknown_field")]
        return errors

    def _wrong_types(self, data: Mapping[str, Any]) -> dict[str, Any]:
        fields: Mapping[str, serializers.Field] = self.fields  # type: ignore[attr-defined]
        return {
            name: problem
            for name, field in fields.items()
            if not field.read_only and name in data and (problem := type_problem(field, data[name]))
        }


def type_problem(field: serializers.Field, value: Any) -> Any:
    """Return DRF error details when the JSON type of `value` is not the field's; looks into lists and maps."""
    if value is None:
        return None
    if isinstance(field, serializers.ListField | serializers.ListSerializer) and isinstance(value, list):
        child: Any = field.child
        problems = {i: problem for i, item in enumerate(value) if (problem := type_problem(child, item))}
        return problems or None
    if isinstance(field, serializers.DictField) and isinstance(value, dict):
        return {key: problem for key, item in value.items() if (problem := type_problem(field.child, item))} or None
    expected = expected_types(field)
    if not expected or type(value) in expected:
        return None
    code = "invalid_choice" if isinstance(field, serializers.ChoiceField) else "invalid"
    detail = f"Must be {JSON_TYPES[expected[0]]}, not {JSON_TYPES.get(type(value), 'this')}."
    return [ErrorDetail(detail, code=code)]


def expected_types(field: serializers.Field) -> tuple[type, ...]:  # noqa: PLR0911 - a table
    """Return the JSON types that a field takes; nothing for fields that judge by themselves."""
    match field:
        case serializers.MultipleChoiceField():
            return (list,)
        case serializers.ChoiceField() if all(isinstance(choice, str) for choice in field.choices):
            return (str,)
        case serializers.BooleanField():
            return (bool,)
        case serializers.IntegerField():
            return (int,)
        case serializers.FloatField():
            return (float, int)
        case serializers.DecimalField():
            return (float, int, str)
        case serializers.ListSerializer():
            return (list,)
        case serializers.BaseSerializer():
            return (dict,)
        case _ if isinstance(field, TEXT_FIELDS):
            return (str,)
        case _:
            return ()


class StrictSerializer(Strictness, serializers.Serializer):
    """Base of serializers without a model."""


class StrictModelSerializer(Strictness, serializers.ModelSerializer):
    """Base of serializers of rows; services do the writing, so `save()` is not for use."""


class NoInput(StrictSerializer):
    """The body of a call that takes none: empty, or `{}`."""


class AccountRelatedField(serializers.RelatedField):
    """The id of another row of the caller's account; a foreign id is as unknown as a missing one.

    `queryset_for(account_id)` gives the rows that may be referred to; `code` is the error's, e.g. `user_not_found`.
    The serializer's context must hold `account_id`, as that of an `AccountViewSet` does.
    """

    default_error_messages = {"invalid": "Must be a UUID.", "missing": "There is no such {thing} in this account."}

    def __init__(self, *, queryset_for: Callable[[UUID], QuerySet[Any]], code: str, **options: Any) -> None:
        self.queryset_for = queryset_for
        self.code = code
        super().__init__(**options)

    def get_queryset(self) -> QuerySet[Any]:
        return self.queryset_for(self.context["account_id"])

    def use_pk_only_optimization(self) -> bool:
        return True

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data == "":
            self.fail("invalid")  # DRF would take it for null
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Model:
        identifier = parse_uuid(data)
        if identifier is None:
            self.fail("invalid")
        row: Model | None = self.get_queryset().filter(pk=identifier).first()
        if row is None:
            thing = self.code.removesuffix("_not_found").replace("_", " ")
            raise ValidationError(self.error_messages["missing"].format(thing=thing), code=self.code)
        return row

    def to_representation(self, value: Any) -> str:
        return str(value.pk)
