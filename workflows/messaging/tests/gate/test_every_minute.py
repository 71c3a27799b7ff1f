"""Every minute of days at which clocks change, in forty zones, by every law of the table, for both purposes.

What is open is reckoned a second time here, from the wall clock and the rows alone.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest

from workflows.localtime import public_holidays
from workflows.messaging.gate.hours import Hours, QuietHours
from workflows.messaging.gate.places import Place
from workflows.messaging.tests.gate.hours_of_law import LAW, REGIONS, ROWS

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
QUIET = QuietHours(time(21), time(9))
ZONES = [
    "Pacific/Pago_Pago",
    "Pacific/Honolulu",
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Tijuana",
    "America/Denver",
    "America/Phoenix",
    "America/Chicago",
    "America/Mexico_City",
    "America/New_York",
    "America/Detroit",
    "America/Havana",
    "America/Bogota",
    "America/Caracas",
    "America/Halifax",
    "America/Santiago",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Nuuk",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Europe/Berlin",
    "Europe/Paris",
    "Africa/Cairo",
    "Europe/Athens",
    "Asia/Beirut",
    "Europe/Moscow",
    "Asia/Tehran",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Singapore",
    "Australia/Eucla",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
]
DAYS = [
    date(2026, 3, 29),  # a Sunday: clocks go forward in Europe
    date(2026, 10, 31),  # a Saturday, before they go back in America
]


@lru_cache(maxsize=100_000)
def allowed(place: Place, day: date) -> tuple[tuple[time, time], ...] | None:
    """Return the spans that one authority's rows allow on a day; None: they say nothing."""
    mine = [row for row in ROWS if (row.country, row.region) == (place.country, place.region)]
    is_holiday = place.country != "" and day in public_holidays(place.country, day.year)
    wanted = 7 if is_holiday and any(row.weekday == 7 for row in mine) else day.weekday()
    mine = [row for row in mine if row.weekday == wanted and row.effective_on <= day]
    return tuple((row.start, row.end) for row in mine if row.start) if mine else None


def is_open(moment: datetime, zone: ZoneInfo, place: Place, is_marketing: bool) -> bool:
    wall = moment.astimezone(zone)
    if time(21) <= wall.time() or wall.time() < time(9):
        return False
    if not is_marketing:
        return True
    for authority in {Place(place.country), place}:
        spans = allowed(authority, wall.date())
        if spans is None:
            spans = ((time(8), time(21)),) if not authority.region else ((time(0), time.max),)
        if not any(start <= wall.time() < end for start, end in spans):
            return False
    return True


@pytest.mark.proof
@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("is_marketing", [True, False], ids=["marketing", "transactional"])
def test_nothing_goes_out_outside_and_what_is_held_goes_out_next(day: date, is_marketing: bool) -> None:
    hours = Hours(law=LAW if is_marketing else None, quiet=QUIET)
    places = [Place(*region) for region in REGIONS] if is_marketing else [Place()]
    minutes = held = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        for place in places:
            edges = set()
            for number in range(24 * 60):
                now = datetime.combine(day, time.min, UTC) + number * MINUTE
                opening = hours.opening([zone], place, now)
                assert opening is not None
                assert (opening.opens == now) == is_open(now, zone, place, is_marketing), (now, zone, place)
                assert opening.opens >= now
                minutes += 1
                held += opening.opens > now
                if opening.opens > now and opening.opens not in edges:
                    assert not is_open(opening.opens - SECOND, zone, place, is_marketing)
                    assert is_open(opening.opens, zone, place, is_marketing)
                    skipped = now
                    while skipped < opening.opens:
                        assert not is_open(skipped, zone, place, is_marketing), (skipped, zone, place)
                        skipped += 15 * MINUTE
                if opening.closes not in edges:
                    assert is_open(opening.closes - SECOND, zone, place, is_marketing)
                    assert not is_open(opening.closes, zone, place, is_marketing)
                edges |= {opening.opens, opening.closes} if opening.opens > now else {opening.closes}
    assert len(ZONES) == 40
    assert minutes == len(ZONES) * len(places) * 24 * 60
    assert 0 < held < minutes
