"""Parts that are chosen from a few values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.serializers import empty

from workflows.admin.config_forms.countries import COUNTRY_NAMES
from workflows.admin.config_forms.parts import AnyField, Part, Slot
from workflows.admin.config_forms.submitted import Submitted
from workflows.admin.config_forms.wording import choice_label
from workflows.configs.times import HolidaysField

FEW = 4
"""Choices up to here are all shown at once."""
STRANGERS = 5
"""Values that are no choice and are shown all the same."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice."""

    value: str
    label: str
    is_chosen: bool
    id: str


class ChoicePart(Part):
    """One of several values: all side by side where they are few, else a list to pull down."""

    is_labelled_group: bool = False  # type: ignore[misc]  # depends on the number of choices

    def __init__(self, field: AnyField, slot: Slot, *, is_unit: bool = False) -> None:
        super().__init__(field, slot)
        self.chosen = ""
        self.choices = choices_of(field)
        self.is_few = len(self.choices) <= FEW and not is_unit
        self.is_labelled_group = self.is_few

    @property
    def template_name(self) -> str:  # type: ignore[override]  # likewise
        return "admin/config_forms/segments.html" if self.is_few else "admin/config_forms/select.html"

    @property
    def is_narrow(self) -> bool:  # type: ignore[override]  # likewise
        return not self.is_few

    def show(self, value: Any) -> None:
        self.chosen = "" if value is None else str(value)

    def receive(self, text: str) -> None:
        self.chosen = text

    def value(self) -> Any:
        return self.unless_default(self.chosen) if self.chosen else empty

    def current(self) -> str:
        return self.chosen

    def options(self) -> Iterator[Option]:
        """Yield the choices; a value that is none is kept, to be seen."""
        choices = dict(self.choices)
        if not self.field.required and self.default is empty:
            choices = {"": "Left out"} | choices
        elif not self.is_few and not self.chosen:
            choices = {"": "Choose…"} | choices
        if self.chosen not in choices and self.chosen:
            choices[self.chosen] = f"{self.chosen[:60]} (no choice)"
        for index, (value, label) in enumerate(choices.items()):
            yield Option(value, label, value == self.chosen, f"{self.id}-{index}")


class BooleanPart(Part):
    """A switch."""

    template_name = "admin/config_forms/switch.html"
    is_switch = True

    def __init__(self, field: AnyField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.is_on = False

    def show(self, value: Any) -> None:
        self.is_on = value is True

    def receive(self, text: str) -> None:
        self.is_on = text == "true"

    def value(self) -> Any:
        is_unsaid = not self.is_on and self.default is empty and not self.field.required and self.stored is empty
        return empty if is_unsaid else self.unless_default(self.is_on)

    def current(self) -> str:
        return "true" if self.is_on else "false"


class CheckboxesPart(Part):
    """Any number of a few values."""

    template_name: ClassVar[str] = "admin/config_forms/chips.html"
    is_labelled_group = True

    def __init__(self, field: serializers.ListField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.choices = choices_of(field.child)
        self.chosen: list[str] = []

    def show(self, value: Any) -> None:
        self.chosen = [str(item) for item in value] if isinstance(value, list) else []

    def read(self, data: Submitted) -> None:
        chosen = data.texts(self.name)
        if chosen is not None:
            self.was_sent = True
            self.chosen = chosen

    def value(self) -> Any:
        return self.unless_default(self.chosen) if self.chosen or self.default not in (empty, []) else empty

    def options(self) -> Iterator[Option]:
        strangers = [value for value in dict.fromkeys(self.chosen) if value not in self.choices][:STRANGERS]
        choices = dict(self.choices) | {value: f"{value[:60]} (no choice)" for value in strangers}
        for index, (value, label) in enumerate(choices.items()):
            yield Option(value, label, value in self.chosen, f"{self.id}-{index}")


def choices_of(field: AnyField) -> dict[str, str]:
    """Return the values that may be chosen, each with its name."""
    if isinstance(field, HolidaysField):
        return dict(COUNTRY_NAMES)
    assert isinstance(field, serializers.ChoiceField)
    return {
        str(value): choice_label(str(value)) if value == label else str(label) for value, label in field.choices.items()
    }
