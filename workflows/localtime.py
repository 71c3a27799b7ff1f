"""Wall times in time zones: when a day begins, and when a window of days and hours is open. Imports nothing of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

HORIZON_DAYS = 400
"""How far ahead an open window is looked for: no weekday and no public holiday recurs less than yearly."""


@dataclass(frozen=True, slots=True)
class Window:
    """Days and hours at which something may happen; the empty window is always open.

    The day is the local date of the moment itself: with `friday` and 21:00–09:00, Friday before 09:00 and from 21:00.
    """

    weekdays: frozenset[int] = frozenset()
    """0 is Monday; empty: every day."""
    start: time | None = None
    end: time | None = None
    """Both or neither; `end` is the first moment outside, and before `start` when the span crosses midnight."""
    holidays_of: str = ""
    """ISO 3166 country whose public holidays are closed; empty: none."""

    @property
    def is_always_open(self) -> bool:
        return not self.weekdays and self.start is None and not self.holidays_of


def instant(day: date, wall_time: time, zone: ZoneInfo) -> datetime:
    """Return the moment (UTC) at which clocks in the zone show a wall time.

    A wall time that clocks jump over is the moment of the jump; one that they show twice is its first time.
    """
    wall = datetime.combine(day, wall_time)
    earlier_offset = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if earlier_offset.astimezone(zone).replace(tzinfo=None) == wall:
        return earlier_offset
    return jump_before(earlier_offset, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), zone)


def jump_before(after: datetime, before: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment with the offset that holds `after`, by halving the time since `before`."""
    offset = after.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)


def next_open(moment: datetime, zone: ZoneInfo, window: Window) -> datetime | None:
    """Return the first moment (UTC) not before `moment` at which the window is open, or None within 400 days."""
    moment = moment.astimezone(UTC)
    if window.is_always_open:
        return moment
    first = moment.astimezone(zone).date()
    for ahead in range(HORIZON_DAYS):
        day = first + timedelta(days=ahead)
        if not is_open_on(day, window):
            continue
        for opens, closes in spans(day, zone, window):
            found = max(moment, opens)
            if found.astimezone(zone).date() < day:  # clocks went back over midnight: the day begins twice
                found = datetime.combine(day, time.min, zone).replace(fold=1).astimezone(UTC)
            if found < closes or found == opens:
                return found
    return None


def on_open_day(moment: datetime, zone: ZoneInfo, window: Window) -> datetime | None:
    """Return the moment, or the same wall time of the first later day that is open, within the window's hours (UTC).

    None when no day within 400 is open.
    """
    wall = moment.astimezone(zone)
    for ahead in range(HORIZON_DAYS):
        day = wall.date() + timedelta(days=ahead)
        if is_open_on(day, window):
            return next_open(instant(day, wall.time(), zone) if ahead else moment, zone, window)
    return None


def is_open_on(day: date, window: Window) -> bool:
    if window.weekdays and day.weekday() not in window.weekdays:
        return False
    return not window.holidays_of or day not in public_holidays(window.holidays_of, day.year)


def spans(day: date, zone: ZoneInfo, window: Window) -> Iterator[tuple[datetime, datetime]]:
    """Yield the (opening, closing) moments of a day, in order.

    A span that clocks jump over altogether is the moment of the jump, if that is still the same day.
    """
    midnight, next_midnight = time.min, instant(day + timedelta(days=1), time.min, zone)
    if window.start is None or window.end is None:
        parts = [(instant(day, midnight, zone), next_midnight)]
    elif window.start < window.end:
        parts = [(instant(day, window.start, zone), instant(day, window.end, zone))]
    else:
        parts = [
            (instant(day, midnight, zone), instant(day, window.end, zone)),
            (instant(day, window.start, zone), next_midnight),
        ]
    for opens, closes in parts:
        if opens.astimezone(zone).date() == day and (opens < closes or window.end != midnight):
            yield opens, max(opens, closes)


@lru_cache(maxsize=256)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """Return the country's public holidays of a year, observed days included."""
    return frozenset(holidays.country_holidays(country, years=year))
