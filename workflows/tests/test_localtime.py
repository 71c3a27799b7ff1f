"""Local time, over all zones and around their changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from workflows.localtime import Window, instant, next_open, public_holidays, spans

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
DAY = 24 * 60 * 60
NEW_YORK = ZoneInfo("America/New_York")
MINUTES = some.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
DAYS = some.dates(date(2005, 1, 1), date(2037, 12, 31))


def transitions(zone, year):
    """Return the moments of a year at which the zone's offset changes; days are looked at, then halved."""

    def offset(second):
        return datetime.fromtimestamp(second, zone).utcoffset()

    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    found = []
    for start in range(first, first + 365 * DAY, DAY):
        low, high = start, start + DAY
        before = offset(low)
        if before == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == before else (low, middle)
        found.append(datetime.fromtimestamp(high, UTC))
    return found


@some.composite
def moments_near_a_transition(draw):
    """A zone and a moment, half of the time within hours of a change of its clocks."""
    zone = ZoneInfo(draw(some.sampled_from(ZONES)))
    year = draw(some.integers(2006, 2036))
    changes = transitions(zone, year)
    if changes and draw(some.booleans()):
        base = draw(some.sampled_from(changes))
        return zone, base + timedelta(minutes=draw(some.integers(-36 * 60, 36 * 60)))
    return zone, datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(some.integers(0, 364 * 24 * 60)))


windows = some.builds(
    lambda weekdays, hours, country: Window(weekdays, *(hours or (None, None)), country),
    some.frozensets(some.integers(0, 6)),
    some.none() | some.tuples(MINUTES, MINUTES).filter(lambda hours: hours[0] != hours[1]),
    some.sampled_from(["", "", "US", "DE", "JP"]),
)


class TestInstant:
    @pytest.mark.parametrize(
        ("zone", "wall", "expected"),
        [
            # clocks jump from 02:00 to 03:00 at 07:00 UTC: what does not exist is the jump
            ("America/New_York", "2026-03-08T01:59", "2026-03-08T06:59"),
            ("America/New_York", "2026-03-08T02:00", "2026-03-08T07:00"),
            ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00"),
            ("America/New_York", "2026-03-08T03:00", "2026-03-08T07:00"),
            ("America/New_York", "2026-03-08T03:01", "2026-03-08T07:01"),
            # clocks go back from 02:00 to 01:00 at 06:00 UTC: the first of the two counts
            ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),
            ("America/New_York", "2026-11-01T02:00", "2026-11-01T07:00"),
            # half an hour only
            ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),
            # the day begins at 01:00
            ("Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00"),
            # a whole day was left out
            ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),
            ("UTC", "2026-03-08T02:30", "2026-03-08T02:30"),
        ],
    )
    def test_is_where_clocks_show_the_wall_time(self, zone, wall, expected):
        wall = datetime.fromisoformat(wall)
        assert instant(wall.date(), wall.time(), ZoneInfo(zone)) == datetime.fromisoformat(f"{expected}+00:00")

    @given(zone=some.sampled_from(ZONES).map(ZoneInfo), day=DAYS, wall_time=MINUTES)
    @settings(max_examples=100, deadline=None)
    def test_shows_the_wall_time_or_is_the_first_moment_behind_it(self, zone, day, wall_time):
        found = instant(day, wall_time, zone)
        wall = datetime.combine(day, wall_time)
        shown = found.astimezone(zone).replace(tzinfo=None)
        if shown != wall:
            just_before = (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
            assert just_before < wall < shown

    @given(near=moments_near_a_transition())
    @settings(max_examples=80, deadline=None)
    def test_brings_every_moment_back_to_itself_or_its_first_occurrence(self, near):
        zone, moment = near
        local = moment.astimezone(zone)
        found = instant(local.date(), local.time(), zone)
        assert found <= moment
        assert (found == moment) == (local.fold == 0)


class TestNextOpen:
    @given(near=moments_near_a_transition(), window=windows)
    @settings(max_examples=150, deadline=None)
    def test_is_never_early_and_always_within_the_window(self, near, window):
        zone, moment = near
        found = next_open(moment, zone, window)
        assert found is not None
        assert found >= moment
        local = found.astimezone(zone)
        assert not window.weekdays or local.weekday() in window.weekdays
        assert not window.holidays_of or local.date() not in public_holidays(window.holidays_of, local.year)
        if window.start is not None:
            assert any(opens <= found <= closes for opens, closes in spans(local.date(), zone, window))

    @given(near=moments_near_a_transition(), window=windows, later=some.integers(0, 48 * 60))
    @settings(max_examples=80, deadline=None)
    def test_leaves_out_no_moment_that_is_open(self, near, window, later):
        """No moment between is open: from any of them on, the same moment is found."""
        zone, moment = near
        found = next_open(moment, zone, window)
        between = moment + timedelta(minutes=later)
        assume(found is not None and between <= found)
        assert next_open(between, zone, window) == found

    @given(near=moments_near_a_transition(), window=windows)
    @settings(max_examples=80, deadline=None)
    def test_stays_where_it_is(self, near, window):
        zone, moment = near
        found = next_open(moment, zone, window)
        assert found is not None
        assert next_open(found, zone, window) == found

    @given(near=moments_near_a_transition())
    @settings(max_examples=50, deadline=None)
    def test_changes_nothing_without_a_window(self, near):
        zone, moment = near
        assert next_open(moment, zone, Window()) == moment

    def test_opens_at_the_jump_when_clocks_jump_over_the_whole_span(self):
        window = Window(start=time(2, 15), end=time(2, 45))
        found = next_open(datetime(2026, 3, 8, 5, 0, tzinfo=UTC), NEW_YORK, window)
        assert found == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)

    def test_takes_the_day_of_the_moment_itself_for_a_span_over_midnight(self):
        window = Window(weekdays=frozenset({4}), start=time(21), end=time(9))
        thursday_night = datetime(2026, 5, 8, 3, 0, tzinfo=UTC)  # Thursday 23:00 in New York
        assert next_open(thursday_night, NEW_YORK, window) == datetime(2026, 5, 8, 4, 0, tzinfo=UTC)

    def test_counts_observed_holidays(self):
        fourth_of_july = datetime(2026, 7, 3, 12, 0, tzinfo=UTC)  # the 4th is a Saturday, observed on Friday
        assert next_open(fourth_of_july, NEW_YORK, Window(holidays_of="US")).date() == date(2026, 7, 5)

    def test_gives_up_when_nothing_opens(self, monkeypatch):
        monkeypatch.setattr("workflows.localtime.is_open_on", lambda day, window: False)
        assert next_open(datetime(2026, 1, 1, tzinfo=UTC), NEW_YORK, Window(weekdays=frozenset({1}))) is None
