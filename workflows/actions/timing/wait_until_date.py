"""The action `wait_until_date`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.actions.base import ActionType, Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, End, Failed, Outcome, SkipNext, WaitUntil
from workflows.actions.registry import registry
from workflows.actions.windows import NEVER_OPEN, TIMEZONE_MODE_HELP, TIMEZONE_MODES, window_of, zone_of
from workflows.configs.base import StrictConfig
from workflows.configs.contact_fields import definitions, full_name, no_such_field
from workflows.configs.fields import ChoiceField, IntegerField, TextField
from workflows.configs.hints import Hint
from workflows.configs.names import CustomFieldNameField
from workflows.configs.times import HolidaysField, ResumeBetween, TimeOfDayField, WeekdaysField
from workflows.crm.models import FieldType
from workflows.crm.services.contacts.reading import CUSTOM_PREFIX
from workflows.localtime import Window, instant, next_open, on_open_day

SPECIFIC, CONTACT_FIELD, CALCULATED = "specific", "contact_field", "calculated"
TOO_FAR = "Maximum future date is 1 year"
IN_THE_PAST = "Target date is in the past"
IS_MISSING = "The contact has no date in this field"
DATE_TYPES = (FieldType.DATE, FieldType.DATETIME)
NEEDED = {SPECIFIC: ("date_value",), CONTACT_FIELD: ("field_name",), CALCULATED: ("field_name", "offset")}
SOURCES = ("date_value", "field_name", "offset")
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(8000, 1, 1, tzinfo=UTC)
"""Dates beyond are taken for these: reckoning with them, no calendar overflows."""


class DateValueField(TextField):
    """A date `YYYY-MM-DD`, or a moment in RFC 3339; one without an offset is a wall time."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            read(text)
        except ValueError:
            hint = "Give a date as YYYY-MM-DD or a moment such as 2026-12-24T09:00:00Z."
            raise ValidationError(hint, code="invalid") from None
        return text


class Offset(StrictConfig):
    """How far from the contact's date the wait ends."""

    value = IntegerField(min_value=0, max_value=3650, help_text="How many units, 0–3650.")
    unit = ChoiceField(
        ["minutes", "hours", "days", "weeks", "months"],
        help_text="Unit of `value`. Days, weeks and months are those of the calendar: the same time of that day, of a "
        "month too short its last day.",
    )
    direction = ChoiceField(["before", "after"], help_text="Before or after the date.")


@registry.register
class WaitUntilDate(ActionType):
    """Let the contact rest until a date: a fixed one, one of its own fields, or one reckoned from such a field.

    A date without a time means `time_of_day`, or midnight, by the clock of `timezone_mode`. Where `resume_days` or
    `skip_holidays` rule the day out, it is the same time of the next day that fits. A wall time that clocks jump over
    means the moment of the jump, one that they show twice its first time. When the contact's field changes during the
    wait, the wait ends at the new date.
    """

    slug = "wait_until_date"
    label = "Wait until date"
    category = Category.TIMING
    icon = "event"
    example = {
        "date_type": "specific",
        "date_value": "2026-12-23",
        "time_of_day": "09:00",
        "resume_days": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "skip_holidays": "US",
        "timezone_mode": "contact",
        "if_past": "skip_next",
    }
    results = {
        "until": "When the wait ends or ended (UTC); null: there was no date.",
        "reason": f"Why there was no wait: “{IN_THE_PAST}” or “{IS_MISSING}”.",
    }
    waits = True
    asks_again = True

    class Config(ActionConfig):
        date_type = ChoiceField(
            [SPECIFIC, CONTACT_FIELD, CALCULATED],
            help_text="`specific`: `date_value`; `contact_field`: the date in `field_name`; `calculated`: `offset` "
            "from that date.",
        )
        date_value = DateValueField(
            required=False,
            help_text="With `specific`: a date `YYYY-MM-DD`, or a moment such as `2026-12-24T09:00:00Z`; one without "
            "an offset is a wall time. At most 1 year ahead.",
        )
        field_name = CustomFieldNameField(  # type: ignore[assignment]  # DRF has an attribute of that name
            required=False,
            max_length=64,
            help_text="With `contact_field` and `calculated`: key of a custom field of type date or datetime.",
        )
        offset = Offset(required=False, help_text="With `calculated`: how far from the date the wait ends.")
        time_of_day = TimeOfDayField(
            required=False, help_text="Wall time `HH:MM` on that day; left out: that of the date, or midnight."
        )
        resume_days = WeekdaysField(
            required=False, min_length=1, help_text="Days on which contacts go on; left out: every day."
        )
        resume_between = ResumeBetween(
            required=False, help_text="Hours in which contacts go on; left out: at any hour."
        )
        skip_holidays = HolidaysField(
            required=False, help_text="ISO 3166 country, e.g. `US`, on whose public holidays nobody goes on."
        )
        timezone_mode = ChoiceField(TIMEZONE_MODES, default="account", help_text=TIMEZONE_MODE_HELP)
        if_past = ChoiceField(
            ["continue", "skip_next", "exit"],
            default="continue",
            help_text="When the date is over already: go on at once (as soon as the window is open), pass by the next "
            "step, or end the workflow for this contact.",
        )
        if_missing = ChoiceField(
            ["continue", "exit"],
            default="continue",
            help_text="When the contact has no date in the field: go on at once, or end the workflow for this contact.",
        )

        hints = {
            "date_value": Hint(shown_when={"date_type": [SPECIFIC]}, widget="datetime"),
            "field_name": Hint(shown_when={"date_type": [CONTACT_FIELD, CALCULATED]}, suggest="custom_fields"),
            "offset": Hint(shown_when={"date_type": [CALCULATED]}),
            "if_missing": Hint(shown_when={"date_type": [CONTACT_FIELD, CALCULATED]}),
        }

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            needed = NEEDED[attrs["date_type"]]
            problems: dict[str, Any] = {
                name: ErrorDetail(f"`{attrs['date_type']}` needs it.", code="required")
                for name in needed
                if name not in attrs
            }
            problems |= {
                name: ErrorDetail(f"It does not belong to `{attrs['date_type']}`; leave it out.", code="invalid")
                for name in SOURCES
                if name in attrs and name not in needed
            }
            if "date_value" in attrs and "date_value" not in problems:
                problems |= self.of_the_date(attrs)
            if "field_name" in attrs and "field_name" not in problems:
                problems |= self.of_the_field(attrs["field_name"])
            if on_open_day(datetime.now(UTC), ZoneInfo("UTC"), window_of(attrs)) is None:
                problems["resume_days"] = ErrorDetail(NEVER_OPEN, code="invalid")
            if problems:
                raise ValidationError(problems)
            return attrs

        def of_the_date(self, attrs: Mapping[str, Any]) -> dict[str, ErrorDetail]:
            given = read(attrs["date_value"])
            if isinstance(given, datetime) and "time_of_day" in attrs:
                detail = "`date_value` has a time already; leave `time_of_day` out."
                return {"time_of_day": ErrorDetail(detail, code="invalid")}
            day = given.date() if isinstance(given, datetime) else given
            if day > (datetime.now(UTC) + relativedelta(years=1)).date():
                return {"date_value": ErrorDetail(TOO_FAR, code="max_value")}
            return {}

        def of_the_field(self, name: str) -> dict[str, ErrorDetail]:
            found = definitions(account_id=self.account_id, names=[name])
            full = full_name(name, found)
            if not full.startswith(CUSTOM_PREFIX) or full.removeprefix(CUSTOM_PREFIX) not in found:
                return {"field_name": no_such_field(account_id=self.account_id, name=name)}
            kind = found[full.removeprefix(CUSTOM_PREFIX)].field_type
            if kind not in DATE_TYPES:
                detail = f"`{name}` is of type {kind}; name a field of type date or datetime."
                return {"field_name": ErrorDetail(detail, code="invalid")}
            return {}

    def watched_fields(self, config: Mapping[str, Any]) -> Sequence[str]:
        fields = [custom_name(config["field_name"])] if config["date_type"] != SPECIFIC else []
        return [*fields, "timezone"] if config["timezone_mode"] == "contact" else fields

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        window = window_of(steps.config)
        return [self.outcome(step, steps.config, window) for step in steps]

    def outcome(self, step: Step, config: Mapping[str, Any], window: Window) -> Outcome:
        assert step.batch is not None
        now = step.batch.now
        zone = zone_of(step, config["timezone_mode"])
        wall_time = date_of(step, config)
        if wall_time is None:
            return go_on({"until": None, "reason": IS_MISSING}, config["if_missing"], config)
        end = end_of(wall_time, config, zone, window)
        if end is None:
            return Failed("invalid_config", NEVER_OPEN, data=config)
        if end > now:
            return WaitUntil(end, {"until": end.isoformat()}, data=config)
        if was_promised(step, now):
            return Done({"until": end.isoformat()}, data=config)
        past = {"until": end.isoformat(), "reason": IN_THE_PAST}
        opens = next_open(now, zone, window) if config["if_past"] == "continue" else None
        if opens is not None and opens > now:
            return WaitUntil(opens, {**past, "until": opens.isoformat()}, data=config)
        return go_on(past, config["if_past"], config)

    def summary(self, config: Mapping[str, Any]) -> str:
        parts = [f"Until {target(config)}"]
        if at := config.get("time_of_day"):
            parts.append(f"at {at}")
        if days := config.get("resume_days"):
            parts.append(", ".join(day[:3].capitalize() for day in days))
        if hours := config.get("resume_between"):
            parts.append(f"{hours['start']}–{hours['end']}")
        if country := config.get("skip_holidays"):
            parts.append(f"no holidays ({country})")
        return shortened(" · ".join(parts))


def read(text: str) -> date | datetime:
    """Return a date, or a moment, aware or not; raises ValueError."""
    return date.fromisoformat(text) if len(text) == len("2026-12-24") else datetime.fromisoformat(text)


def custom_name(name: str) -> str:
    return name if name.startswith(CUSTOM_PREFIX) else f"{CUSTOM_PREFIX}{name}"


def date_of(step: Step, config: Mapping[str, Any]) -> date | datetime | None:
    """Return the date that the config names, before its offset, or None where the contact has none."""
    if config["date_type"] == SPECIFIC:
        return read(config["date_value"])
    value = step.contact.custom_fields.get(custom_name(config["field_name"]).removeprefix(CUSTOM_PREFIX))
    try:
        return read(value) if isinstance(value, str) else None
    except ValueError:  # a field that was a text when the value was written
        return None


def end_of(day: date | datetime, config: Mapping[str, Any], zone: ZoneInfo, window: Window) -> datetime | None:
    """Return the moment (UTC) at which a wait for the date ends, or None when no day fits."""
    if not EARLIEST.year < day.year < LATEST.year:
        return EARLIEST if day.year <= EARLIEST.year else LATEST
    if isinstance(day, datetime):
        wall = (day.astimezone(zone) if day.tzinfo else day).replace(tzinfo=None)
    else:
        wall = datetime.combine(day, time.min)
    if at := config.get("time_of_day"):
        wall = datetime.combine(wall, time.fromisoformat(at))
    elapsed = timedelta()
    if offset := config.get("offset"):
        value = offset["value"] if offset["direction"] == "after" else -offset["value"]
        if offset["unit"] in ("minutes", "hours"):
            elapsed = timedelta(**{offset["unit"]: value})
        else:
            wall += relativedelta(**{offset["unit"]: value})
    moment = day if isinstance(day, datetime) and day.tzinfo and is_same(day, wall, zone) else None
    end = (moment or instant(wall.date(), wall.time(), zone)) + elapsed
    return on_open_day(end.astimezone(UTC), zone, window)


def is_same(moment: datetime, wall: datetime, zone: ZoneInfo) -> bool:
    """Tell whether clocks in the zone show the wall time at the moment: then it is kept exactly."""
    return moment.astimezone(zone).replace(tzinfo=None) == wall


def was_promised(step: Step, now: datetime) -> bool:
    """Tell whether the wait that this visit began was to end by now: then its end is no date in the past."""
    assert step.batch is not None
    promised = step.results.get(step.batch.action_key, {}).get("until") if step.is_resumed else None
    return isinstance(promised, str) and datetime.fromisoformat(promised) <= now


def go_on(result: Mapping[str, Any], way: str, config: Mapping[str, Any]) -> Outcome:
    if way == "exit":
        return End(result["reason"], {"until": result["until"]})
    return SkipNext(result, config) if way == "skip_next" else Done(result, config)


def target(config: Mapping[str, Any]) -> str:
    if config.get("date_type") == SPECIFIC:
        return str(config.get("date_value", ""))
    name = str(config.get("field_name", "")).removeprefix(CUSTOM_PREFIX)
    offset = config.get("offset")
    if not offset:
        return name
    unit = offset["unit"].removesuffix("s") if offset["value"] == 1 else offset["unit"]
    return f"{offset['value']} {unit} {offset['direction']} {name}"
