"""Fields about days and hours, and the window that waiting types share."""

from typing import Any

import holidays
from rest_framework.exceptions import ValidationError

from workflows.configs.base import StrictConfig
from workflows.configs.fields import ChoiceField, ListField, TextField

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALPHA_2_LENGTH = 2
HOLIDAY_COUNTRIES = frozenset(code for code in holidays.list_supported_countries() if len(code) == ALPHA_2_LENGTH)


class TimeOfDayField(TextField):
    """A wall time `HH:MM`, 00:00 to 23:59."""

    def __init__(self, **options: Any) -> None:
        super().__init__(pattern=r"([01][0-9]|2[0-3]):[0-5][0-9]", hint="Give a time as HH:MM, e.g. 09:00.", **options)


class WeekdaysField(ListField):
    """Days of the week by their English names; stored once each, Monday first."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=ChoiceField(WEEKDAYS), max_length=len(WEEKDAYS), **options)

    def to_internal_value(self, data: Any) -> list[str]:
        return sorted(set(super().to_internal_value(data)), key=WEEKDAYS.index)


class HolidaysField(TextField):
    """The country whose public holidays count, as an ISO 3166 code."""

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data).upper()
        if code not in HOLIDAY_COUNTRIES:
            raise ValidationError("Give the ISO 3166 code of a country with known holidays, e.g. US.", code="invalid")
        return code


class ResumeBetween(StrictConfig):
    """A span of the day; it may cross midnight."""

    start = TimeOfDayField(help_text="Wall time `HH:MM` from which contacts go on.")
    end = TimeOfDayField(help_text="Wall time `HH:MM` before which they do; earlier than `start`: over midnight.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["start"] == attrs["end"]:
            raise ValidationError({"end": ["The window is empty: `end` must differ from `start`."]}, code="invalid")
        return attrs
