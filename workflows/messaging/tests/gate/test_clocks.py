from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from workflows.messaging.gate.clocks import ALWAYS, DAY, between, both, common, in_all, open_spans

HOUR = 3600
BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestBetween:
    @pytest.mark.parametrize(
        ("start", "end", "walls"),
        [
            (time(9), time(21), ((9 * HOUR, 21 * HOUR),)),
            (time(21), time(9), ((0, 9 * HOUR), (21 * HOUR, DAY))),
            (time(9), time(0), ((9 * HOUR, DAY),)),
            (time(0), time(9), ((0, 9 * HOUR),)),
            (time(9), time(9), ALWAYS),
            (time(8, 30, 15), time(8, 30, 16), ((30615, 30616),)),
        ],
    )
    def test_is_half_open(self, start: time, end: time, walls: tuple[tuple[int, int], ...]) -> None:
        assert between(start, end) == walls


class TestCommon:
    def test_is_what_all_share(self) -> None:
        assert common(((0, 10), (20, 30)), ((5, 25),)) == ((5, 10), (20, 25))

    def test_of_nothing_is_always(self) -> None:
        assert common() == ALWAYS

    def test_may_be_never(self) -> None:
        assert common(((0, 10),), ((10, 20),)) == ()


class TestOpenSpans:
    def test_runs_on_over_midnight(self) -> None:
        walls = between(time(21), time(9))
        spans = open_spans(ZoneInfo("UTC"), lambda day: walls, date(2026, 5, 4), 2)
        assert spans == [
            (at("2026-05-04T00:00"), at("2026-05-04T09:00")),
            (at("2026-05-04T21:00"), at("2026-05-05T09:00")),
            (at("2026-05-05T21:00"), at("2026-05-06T00:00")),
        ]

    @pytest.mark.parametrize(
        ("day", "start", "end", "spans"),
        [
            (SPRING, time(1), time(4), [("2026-03-29T00:00", "2026-03-29T02:00")]),  # two hours of three
            (SPRING, time(2, 30), time(4), [("2026-03-29T01:00", "2026-03-29T02:00")]),  # begins as clocks jump
            (SPRING, time(2), time(3), []),  # left out
            (SPRING, time(1), time(2, 30), [("2026-03-29T00:00", "2026-03-29T01:00")]),
            (AUTUMN, time(1), time(4), [("2026-10-24T23:00", "2026-10-25T03:00")]),  # four hours of three
            (
                AUTUMN,
                time(2, 30),
                time(2, 45),
                [("2026-10-25T00:30", "2026-10-25T00:45"), ("2026-10-25T01:30", "2026-10-25T01:45")],
            ),  # shown twice
            (
                AUTUMN,
                time(2, 30),
                time(4),
                [("2026-10-25T00:30", "2026-10-25T01:00"), ("2026-10-25T01:30", "2026-10-25T03:00")],
            ),  # 02:00 comes again
        ],
    )
    def test_goes_by_what_clocks_show(self, day: date, start: time, end: time, spans: list[tuple[str, str]]) -> None:
        walls = between(start, end)
        assert open_spans(BERLIN, lambda day: walls, day, 1) == [(at(opens), at(closes)) for opens, closes in spans]

    def test_knows_a_day_that_was_left_out(self) -> None:
        apia = ZoneInfo("Pacific/Apia")
        spans = open_spans(apia, lambda day: ((8 * HOUR, 9 * HOUR),), date(2011, 12, 29), 3)
        assert spans == [
            (at("2011-12-29T18:00"), at("2011-12-29T19:00")),
            (at("2011-12-30T18:00"), at("2011-12-30T19:00")),
        ]

    @pytest.mark.parametrize("name", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Cairo"])
    def test_is_wall_time_minute_by_minute_all_year(self, name: str) -> None:
        zone, walls = ZoneInfo(name), between(time(23, 30), time(1, 15))
        spans = open_spans(zone, lambda day: walls, date(2026, 1, 1), 365)
        opened = {
            opens + timedelta(minutes=minute)
            for opens, closes in spans
            for minute in range(int((closes - opens).total_seconds() // 60))
        }
        moment, last = spans[0][0], spans[-1][0]
        while moment < last:
            wall = moment.astimezone(zone).time()
            assert (moment in opened) == (wall >= time(23, 30) or wall < time(1, 15)), (moment, wall)
            moment += timedelta(minutes=15)


class TestBoth:
    def test_is_open_where_all_are(self) -> None:
        noon = at("2026-05-04T12:00")
        hours = [noon + timedelta(hours=number) for number in range(10)]
        some = [(hours[0], hours[3]), (hours[5], hours[9])]
        others = [(hours[1], hours[2]), (hours[2], hours[6]), (hours[8], hours[9])]
        expected = [(hours[1], hours[2]), (hours[2], hours[3]), (hours[5], hours[6]), (hours[8], hours[9])]
        assert both(some, others) == both(others, some) == expected
        assert in_all([some, others, []]) == []
