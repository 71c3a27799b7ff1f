"""The action `wait_time`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework.exceptions import ValidationError

from workflows.actions.base import ActionType, Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Failed, Outcome, WaitUntil
from workflows.actions.registry import registry
from workflows.actions.windows import NEVER_OPEN, TIMEZONE_MODE_HELP, TIMEZONE_MODES, window_of, zone_of
from workflows.configs.fields import ChoiceField, IntegerField
from workflows.configs.times import HolidaysField, ResumeBetween, WeekdaysField
from workflows.localtime import next_open

UNITS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
}
LONGEST = timedelta(weeks=12)
TOO_LONG = "Maximum wait duration is 12 weeks"


@registry.register
class WaitTime(ActionType):
    """Let the contact rest for a time, and then until a window of days and hours is open.

    The duration is elapsed time: a day is 24 hours, also when clocks change. The contact never goes on earlier. With
    `resume_days`, `resume_between` or `skip_holidays` it goes on at the first moment after the duration that fits; the
    day that counts is the local date of that moment. A wall time that clocks jump over means the moment of the jump,
    one that they show twice its first time.
    """

    slug = "wait_time"
    label = "Wait"
    category = Category.TIMING
    icon = "schedule"
    example = {
        "duration": 3,
        "unit": "days",
        "resume_days": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "resume_between": {"start": "09:00", "end": "17:00"},
        "timezone_mode": "contact",
        "skip_holidays": "US",
    }
    results = {"until": "When the wait ends (UTC)."}
    waits = True

    class Config(ActionConfig):
        duration = IntegerField(
            min_value=1,
            max_value=120_960,
            error_messages={"max_value": TOO_LONG},
            help_text="How many units, from 1; all in all at most 12 weeks.",
        )
        unit = ChoiceField(list(UNITS), help_text="Unit of `duration`.")
        resume_days = WeekdaysField(
            required=False, min_length=1, help_text="Days on which contacts go on; left out: every day."
        )
        resume_between = ResumeBetween(
            required=False, help_text="Hours in which contacts go on; left out: at any hour."
        )
        timezone_mode = ChoiceField(TIMEZONE_MODES, default="account", help_text=TIMEZONE_MODE_HELP)
        skip_holidays = HolidaysField(
            required=False, help_text="ISO 3166 country, e.g. `US`, on whose public holidays nobody goes on."
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if attrs["duration"] * UNITS[attrs["unit"]] > LONGEST:
                raise ValidationError({"duration": TOO_LONG}, code="max_value")
            if next_open(datetime.now(UTC), ZoneInfo("UTC"), window_of(attrs)) is None:
                raise ValidationError({"resume_days": NEVER_OPEN}, code="invalid")
            return attrs

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        earliest = steps.now + steps.config["duration"] * UNITS[steps.config["unit"]]
        window = window_of(steps.config)
        ends: dict[ZoneInfo, Outcome] = {}
        outcomes = []
        for step in steps:
            zone = zone_of(step, steps.config["timezone_mode"])
            if zone not in ends:
                ends[zone] = outcome(next_open(earliest, zone, window), steps.config)
            outcomes.append(ends[zone])
        return outcomes

    def summary(self, config: Mapping[str, Any]) -> str:
        duration, unit = config.get("duration", ""), config.get("unit", "")
        parts = [f"Wait {duration} {unit.removesuffix('s') if duration == 1 else unit}"]
        if days := config.get("resume_days"):
            parts.append(", ".join(day[:3].capitalize() for day in days))
        if hours := config.get("resume_between"):
            parts.append(f"{hours['start']}–{hours['end']}")
        if country := config.get("skip_holidays"):
            parts.append(f"no holidays ({country})")
        return shortened(" · ".join(parts))


def outcome(until: datetime | None, config: Mapping[str, Any]) -> Outcome:
    if until is None:
        return Failed("invalid_config", NEVER_OPEN, data=config)
    return WaitUntil(until, {"until": until.isoformat()}, data=config)
