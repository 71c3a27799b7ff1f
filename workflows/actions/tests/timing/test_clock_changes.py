"""Every form of waiting, in all zones, around every change of their clocks in eleven years.

A wait ends at the first moment that its config allows: never earlier, in no case never, and once.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from itertools import pairwise, product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from workflows.actions.base import AccountFacts, Step, StepBatch, WorkflowFacts
from workflows.actions.outcomes import Done, WaitUntil
from workflows.actions.registry import registry
from workflows.crm.copies import ContactCopy
from workflows.tests.test_localtime import ZONES, transitions

YEARS = range(2025, 2036)
HOURS = {"start": "02:15", "end": "03:45"}
NOBODY = UUID(int=0)
WALL_TIMES = ("00:00", "00:30", "01:30", "02:30", "03:00", "12:00", "23:59")

Config = dict[str, Any]


def step_of(zone: str, now: datetime, fields: Mapping[str, Any], promised: datetime | None = None) -> StepBatch:
    """Return a contact in the zone at the step `wait`; resumed, once it was promised a time."""
    contact = ContactCopy(NOBODY, NOBODY, timezone=zone, custom_fields=dict(fields))
    results = {"wait": {"until": promised.isoformat()}} if promised else {}
    return StepBatch(
        [Step(NOBODY, NOBODY, 0, 0, contact, {}, results, is_resumed=promised is not None)],
        account=AccountFacts(NOBODY, "Acme", "UTC", "USD", "US"),
        workflow=WorkflowFacts(NOBODY, "Welcome", 1, "UTC", None),
        action_id=NOBODY,
        action_key="wait",
        config={},
        now=now,
    )


def taken(slug: str, config: Config, batch: StepBatch) -> Any:
    kind = registry.get(slug)
    batch.config = kind.complete_config({**config, "timezone_mode": "contact"})
    return kind.run_many(batch)[0]


class Clock:
    """What clocks in a zone show in the days around a moment, looked at minute by minute, by no rule of the product."""

    def __init__(self, zone: ZoneInfo, around: datetime) -> None:
        start = around.replace(second=0, microsecond=0) - timedelta(days=3)
        minutes = [start + timedelta(minutes=minute) for minute in range(6 * 24 * 60)]
        self.shown = [(moment, moment.astimezone(zone).replace(tzinfo=None)) for moment in minutes]
        self.first: dict[datetime, datetime] = {}
        for moment, clock in self.shown:
            self.first.setdefault(clock, moment)

    def shows(self, wall: datetime) -> datetime:
        """Return when clocks show a wall time for the first time, or jump over it."""
        if wall in self.first:
            return self.first[wall]
        return next(moment for (_, before), (moment, after) in pairwise(self.shown) if before < wall < after)


def changes(zones: list[str]) -> Iterator[tuple[str, datetime]]:
    for name in zones:
        zone = ZoneInfo(name)
        for year in YEARS:
            yield from ((name, change) for change in transitions(zone, year))


def check_date(zone_name: str, change: datetime) -> None:
    """A date near the change, given in each way, ends at the wall time; asked again there, it is over."""
    zone = ZoneInfo(zone_name)
    clock = Clock(zone, change)
    now = change - timedelta(days=5)
    for day_offset, wall_time in product((-1, 0, 1), WALL_TIMES):
        day = change.astimezone(zone).date() + timedelta(days=day_offset)
        end = clock.shows(datetime.combine(day, time.fromisoformat(wall_time)))
        before = (day - timedelta(days=3)).isoformat()
        ways: list[tuple[Config, Mapping[str, str]]] = [
            ({"date_type": "specific", "date_value": day.isoformat(), "time_of_day": wall_time}, {}),
            ({"date_type": "specific", "date_value": f"{day.isoformat()}T{wall_time}"}, {}),
            ({"date_type": "contact_field", "field_name": "day", "time_of_day": wall_time}, {"day": day.isoformat()}),
            (
                {
                    "date_type": "calculated",
                    "field_name": "day",
                    "time_of_day": wall_time,
                    "offset": {"value": 3, "unit": "days", "direction": "after"},
                },
                {"day": before},
            ),
            (
                {
                    "date_type": "specific",
                    "date_value": before,
                    "time_of_day": wall_time,
                    "resume_days": [f"{day:%A}".lower()],
                },
                {},
            ),
        ]
        for config, fields in ways:
            outcome = taken("wait_until_date", config, step_of(zone_name, now, fields))
            assert isinstance(outcome, WaitUntil), (zone_name, change, config)
            if "resume_days" in config and end.astimezone(zone).date() != day:  # clocks jump over the day's end
                assert (outcome.at.astimezone(zone).date() - day).days == 7, (zone_name, change, config)
                continue
            assert outcome.at == end, (zone_name, change, config)
            again = taken("wait_until_date", config, step_of(zone_name, outcome.at, fields, promised=outcome.at))
            assert isinstance(again, Done), (zone_name, change, config, again)


def check_duration(zone_name: str, change: datetime) -> None:
    """A duration is elapsed time, and then the window's first open moment."""
    zone = ZoneInfo(zone_name)
    for hours in range(-30, 30, 3):
        now = change + timedelta(hours=hours)
        plain = taken("wait_time", {"duration": 1, "unit": "days"}, step_of(zone_name, now, {}))
        assert plain.at == now + timedelta(hours=24)
        outcome = taken(
            "wait_time", {"duration": 2, "unit": "hours", "resume_between": HOURS}, step_of(zone_name, now, {})
        )
        earliest = now + timedelta(hours=2)
        assert earliest <= outcome.at <= earliest + timedelta(hours=27), (zone_name, change, now)
        clock = outcome.at.astimezone(zone).time()
        is_in_window = time(2, 15) <= clock < time(3, 45)
        assert is_in_window or outcome.at == change, (zone_name, change, now, outcome.at)


@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "America/Santiago",
        "Africa/Casablanca",
        "Asia/Beirut",
    ],
)
def test_waits_end_when_they_should(zone):
    for name, change in [pair for pair in changes([zone]) if pair[1].year in (2026, 2027)]:
        check_date(name, change)
        check_duration(name, change)


@pytest.mark.proof
def test_waits_end_when_they_should_in_all_zones():
    seen = 0
    for name, change in changes(ZONES):
        check_date(name, change)
        check_duration(name, change)
        seen += 1
    assert seen > 2000
