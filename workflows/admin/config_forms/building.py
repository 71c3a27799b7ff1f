"""Which part a field of a config becomes."""

from typing import Any

from rest_framework import serializers

from workflows.admin.config_forms import groups, rows
from workflows.admin.config_forms.choices import BooleanPart, CheckboxesPart, ChoicePart
from workflows.admin.config_forms.parts import AnyField, Part, Slot
from workflows.admin.config_forms.picking import RecipientPart
from workflows.admin.config_forms.references import ReferencePart
from workflows.admin.config_forms.scripts import ScriptPart
from workflows.admin.config_forms.texts import (
    AmountPart,
    ColorPart,
    DatePart,
    NumberPart,
    SecretPart,
    TextPart,
    TimePart,
)
from workflows.admin.config_forms.values import JsonPart, ValuePart
from workflows.configs.amounts import AmountField
from workflows.configs.base import StrictConfig
from workflows.configs.fields import TemplateValueField
from workflows.configs.references import ReferenceField
from workflows.configs.scripts import ScriptField
from workflows.configs.times import HolidaysField, TimeOfDayField
from workflows.configs.web import SecretTextField

UNIT = "unit"


def part_of(field: AnyField, slot: Slot, *, is_unit: bool = False) -> Part:  # noqa: PLR0911, PLR0912 - a table
    """Return the part for a field; one of a kind unknown here is written as JSON."""
    match field:
        case StrictConfig():
            return groups.GroupPart(field, slot)
        case ReferenceField():
            return ReferencePart(field, slot)
        case TemplateValueField():
            return ValuePart(field, slot)
        case SecretTextField():
            return SecretPart(field, slot)
        case HolidaysField() | serializers.ChoiceField():
            return ChoicePart(field, slot, is_unit=is_unit)
        case TimeOfDayField():
            return TimePart(field, slot)
        case AmountField():
            return AmountPart(field, slot)
        case ScriptField():
            return ScriptPart(field, slot)
        case serializers.CharField():
            return hinted_part(field, slot)
        case serializers.IntegerField():
            return NumberPart(field, slot)
        case serializers.BooleanField():
            return BooleanPart(field, slot)
        case serializers.DictField():
            return rows.MappingPart(field, slot)
        case serializers.ListField(child=serializers.ChoiceField()):
            return CheckboxesPart(field, slot)
        case serializers.ListField():
            return rows.ListPart(field, slot)
    return JsonPart(field, slot)


def hinted_part(field: AnyField, slot: Slot) -> Part:
    """Return the part for a text."""
    if slot.hint.suggest == "recipients":
        return RecipientPart(field, slot)
    match slot.hint.widget:
        case "password":
            return SecretPart(field, slot)
        case "color":
            return ColorPart(field, slot)
        case "date" | "datetime":
            return DatePart(field, slot)
    return TextPart(field, slot)


def is_unit(name: str, field: AnyField, before: Any) -> bool:
    """Tell whether a field is the unit of the number before it."""
    is_choice = isinstance(field, serializers.ChoiceField)
    return is_choice and name.endswith(UNIT) and isinstance(before, serializers.IntegerField)


def is_config(field: AnyField) -> bool:
    return isinstance(field, StrictConfig)
