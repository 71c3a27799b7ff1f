"""The fields that configs are made of. Each takes its own JSON type only: no "1" for 1, no 1 for true."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.templating import DEPTH_LIMIT, TEMPLATE_ROOTS, TemplateProblem, validate_template

ITEMS_LIMIT = 200
"""Items of a list of texts."""
NUMBER_LIMIT = 10**15
"""Whole numbers up to here survive every JSON reader."""
LARGEST_INTEGER = 2**63
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class TextField(serializers.CharField):
    """A text; surrounding white space is dropped. `pattern` must match all of it, `hint` says how it should look."""

    def __init__(self, *, pattern: str | None = None, hint: str = "", **options: Any) -> None:
        self.pattern = re.compile(pattern) if pattern else None
        self.hint = hint
        super().__init__(**options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            self.fail("invalid")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if self.pattern and not self.pattern.fullmatch(text):
            raise ValidationError(self.hint, code="invalid")
        return text


class TemplateField(serializers.CharField):
    """A Liquid template. `max_length` bounds a text without Liquid now, and what the template renders to later."""

    roots: Collection[str] = TEMPLATE_ROOTS

    def __init__(self, *, max_length: int, **options: Any) -> None:
        self.rendered_limit = max_length
        super().__init__(trim_whitespace=False, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            self.fail("invalid")
        if isinstance(data, str) and not self.allow_blank and not data.strip():
            self.fail("blank")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        source: str = super().to_internal_value(data)
        check_template(source, max_length=self.rendered_limit, roots=self.roots)
        return source


def check_template(source: str, *, max_length: int, roots: Collection[str] = TEMPLATE_ROOTS) -> None:
    """Raise ValidationError unless the template can be saved where `max_length` characters fit."""
    try:
        template = validate_template(source, roots=roots)
    except TemplateProblem as problem:
        raise ValidationError(f"{problem.message} (line {problem.line})", code="invalid_template") from None
    if template.is_plain and len(source) > max_length:
        raise ValidationError(f"Ensure this field has no more than {max_length} characters.", code="max_length")


class IntegerField(serializers.IntegerField):
    """A whole number between bounds."""

    def __init__(self, *, min_value: int, max_value: int, **options: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **options)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class BooleanField(serializers.BooleanField):
    """`true` or `false`."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class ChoiceField(serializers.ChoiceField):
    """One of a few names."""

    def __init__(self, choices: Sequence[str], **options: Any) -> None:
        super().__init__(choices, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            listed = ", ".join(f"`{choice}`" for choice in self.choices)
            raise ValidationError(f"Choose one of {listed}.", code="invalid_choice")
        return data


class ListField(serializers.ListField):
    """A list of at most `max_length` items."""

    def __init__(self, *, child: serializers.Field[Any, Any, Any, Any], max_length: int, **options: Any) -> None:
        super().__init__(child=child, max_length=max_length, **options)

    def run_child_validation(self, data: Any) -> list[Any]:
        if self.max_length is not None and len(data) > self.max_length:
            raise ValidationError(
                [ErrorDetail(f"Ensure this field has no more than {self.max_length} elements.", code="max_length")]
            )
        return super().run_child_validation(data)


class TemplateValueField(serializers.Field[Any, Any, Any, Any]):
    """A text (a template), number, `true`/`false`, null or list of texts: what a field of a contact can be set to."""

    default_error_messages = {"invalid": "Give a text, a number, true, false, null or a list of texts."}

    def __init__(self, *, max_length: int, **options: Any) -> None:
        self.rendered_limit = max_length
        super().__init__(allow_null=True, **options)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.checked_text(data)
        if isinstance(data, list):
            if len(data) > ITEMS_LIMIT or not all(isinstance(item, str) for item in data):
                self.fail("invalid")
            return [self.checked_text(item) for item in data]
        if isinstance(data, float) and not math.isfinite(data):
            self.fail("invalid")
        if isinstance(data, int) and not isinstance(data, bool) and abs(data) > NUMBER_LIMIT:
            raise ValidationError(f"Numbers lie between ±{NUMBER_LIMIT}.", code="max_value")
        if not isinstance(data, (bool, int, float)):
            self.fail("invalid")
        return data

    def checked_text(self, text: str) -> str:
        if UNSTORABLE.search(text):
            raise ValidationError("The text holds characters that cannot be stored.", code="invalid")
        check_template(text, max_length=self.rendered_limit)
        return text


class TemplateJsonField(serializers.Field[Any, Any, Any, Any]):
    """An object or a list whose texts, at any depth, are templates; `max_bytes` bounds its JSON when rendered."""

    default_error_messages = {"invalid": "Give an object or a list."}

    def __init__(self, *, max_bytes: int, **options: Any) -> None:
        self.rendered_limit = max_bytes
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, (dict, list)):
            self.fail("invalid")
        return self.checked(data, depth=0)

    def checked(self, value: Any, *, depth: int) -> Any:
        if depth > DEPTH_LIMIT:
            raise ValidationError(f"The value is nested deeper than {DEPTH_LIMIT} levels.", code="invalid")
        if isinstance(value, str):
            if UNSTORABLE.search(value):
                raise ValidationError("The text holds characters that cannot be stored.", code="invalid")
            check_template(value, max_length=self.rendered_limit)
            return value
        if isinstance(value, Mapping):
            if not all(isinstance(name, str) and not UNSTORABLE.search(name) for name in value):
                raise ValidationError("A name holds characters that cannot be stored.", code="invalid")
            return {name: self.checked(item, depth=depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            return [self.checked(item, depth=depth + 1) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise ValidationError("Numbers must be finite.", code="invalid")
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LARGEST_INTEGER:
            raise ValidationError("Whole numbers have at most 63 bits.", code="max_value")
        if value is not None and not isinstance(value, (bool, int, float)):
            self.fail("invalid")
        return value


class MappingField(serializers.DictField):
    """An object of at most `max_length` names, all of the same kind of value."""

    default_error_messages = {"max_length": "Ensure this object has no more than {max_length} names."}

    def __init__(self, *, child: serializers.Field[Any, Any, Any, Any], max_length: int, **options: Any) -> None:
        self.max_length = max_length
        super().__init__(child=child, **options)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)
