"""Amounts of money in configs."""

from decimal import Decimal, InvalidOperation
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from workflows.configs.fields import TemplateField
from workflows.templating import compile_template

VALUE_LENGTH = 40
LARGEST = Decimal("999999999999.999")
DECIMAL_PLACES = 3


class AmountField(TemplateField):
    """A number from 0 on, or a template that renders to one; each is stored as it was given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=VALUE_LENGTH, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            return checked(data, str(data))
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        source: str = super().to_internal_value(data)
        return checked(source, source) if compile_template(source).is_plain else source


def checked(value: Any, text: str) -> Any:
    try:
        read_amount(text)
    except ValueError as problem:
        raise ValidationError(str(problem), code="invalid") from None
    return value


def read_amount(text: str) -> Decimal:
    """Return the amount that a text says, or raise ValueError with a sentence that says how to mend it."""
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError("Give a number, such as 1200 or 99.90.")
    if amount < 0:
        raise ValueError("Give a number of at least 0.")
    if amount > LARGEST or round(amount, DECIMAL_PLACES) != amount:
        raise ValueError(f"Give a number of at most {LARGEST}, with at most {DECIMAL_PLACES} decimal places.")
    return abs(round(amount, DECIMAL_PLACES))
