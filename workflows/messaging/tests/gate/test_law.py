from datetime import date, time
from importlib import import_module

import pytest
from django.apps import apps

from workflows.messaging.gate.clocks import ALWAYS, Walls
from workflows.messaging.gate.law import Law
from workflows.messaging.gate.places import Place
from workflows.messaging.models import CallingHours
from workflows.messaging.tests.gate.hours_of_law import LAW, ROWS

MONDAY, SATURDAY, SUNDAY = date(2026, 5, 4), date(2026, 5, 9), date(2026, 5, 10)
NEVER: Walls = ()


def hours(*spans: tuple[float, float]) -> Walls:
    return tuple((int(start * 3600), int(end * 3600)) for start, end in spans)


def row(start: time | None, end: time | None, **facts: object) -> CallingHours:
    values = {"country": "XA", "weekday": 0, "effective_on": date(2020, 1, 1), **facts}
    return CallingHours(start=start, end=end, **values)


class TestTheTable:
    @pytest.mark.parametrize(
        ("place", "monday", "saturday", "sunday"),
        [
            (Place("US", "CA"), hours((8, 21)), hours((8, 21)), hours((8, 21))),
            (Place("US", "FL"), hours((8, 20)), hours((8, 20)), hours((8, 20))),
            (Place("US", "OK"), hours((8, 20)), hours((8, 20)), hours((8, 20))),
            (Place("US", "WA"), hours((8, 20)), hours((8, 20)), hours((8, 20))),
            (Place("US", "TX"), hours((9, 21)), hours((9, 21)), hours((12, 21))),
            (Place("US", "RI"), hours((9, 18)), hours((10, 17)), NEVER),
            (Place("US", "UT"), hours((8, 21)), hours((8, 21)), NEVER),
            (Place("US", "ME"), hours((9, 17)), NEVER, NEVER),
            (Place("US", "MI"), hours((9, 21)), hours((9, 21)), hours((9, 21))),
            (Place("US", "OR"), hours((8, 20)), hours((8, 20)), hours((8, 20))),
            (Place("US", "PA"), hours((8, 21)), hours((8, 21)), hours((8, 21))),
            (Place("US", "SD"), hours((9, 21)), NEVER, NEVER),
            (Place("US", "WY"), hours((8, 20)), hours((8, 20)), hours((8, 20))),
            (Place("US", "?"), hours((10, 17)), NEVER, NEVER),
            (Place("CA", "ON"), hours((9, 21.5)), hours((10, 18)), hours((10, 18))),
            (Place("GB"), hours((8, 21)), hours((8, 21)), hours((8, 21))),
            (Place("FR"), hours((10, 13), (14, 20)), NEVER, NEVER),
            (Place("ES"), hours((9, 21)), NEVER, NEVER),
            (Place("AU"), hours((9, 20)), hours((9, 17)), NEVER),
            (Place("DE"), hours((8, 21)), hours((8, 21)), hours((8, 21))),  # not in the table
            (Place(), hours((8, 21)), hours((8, 21)), hours((8, 21))),
        ],
    )
    def test_says_when(self, place: Place, monday: Walls, saturday: Walls, sunday: Walls) -> None:
        assert [LAW.walls_on(place, day) for day in (MONDAY, SATURDAY, SUNDAY)] == [monday, saturday, sunday]

    def test_closes_on_holidays_where_the_law_says_so(self) -> None:
        christmas = date(2026, 12, 25)
        assert LAW.walls_on(Place("FR"), christmas) == NEVER
        assert LAW.walls_on(Place("US", "UT"), christmas) == NEVER
        assert LAW.walls_on(Place("US", "FL"), christmas) == hours((8, 20))
        assert LAW.walls_on(Place("US", "PA"), christmas) == NEVER
        assert LAW.walls_on(Place("CA", "BC"), christmas) == NEVER
        assert LAW.walls_on(Place("CA", "ON"), christmas) == hours((9, 21.5))

    def test_knows_laws_of_days_to_come(self) -> None:
        assert LAW.walls_on(Place("US", "PA"), date(2026, 10, 11)) == hours((8, 21))
        assert LAW.walls_on(Place("US", "PA"), date(2026, 10, 18)) == NEVER

    def test_is_in_force_since_its_day(self) -> None:
        assert LAW.walls_on(Place("US", "FL"), date(2021, 6, 30)) == hours((8, 21))
        assert LAW.walls_on(Place("US", "FL"), date(2021, 7, 1)) == hours((8, 20))

    def test_names_a_source_for_every_row(self) -> None:
        assert all(row.source for row in ROWS)

    @pytest.mark.django_db
    def test_is_what_the_database_takes(self) -> None:
        CallingHours.objects.all().delete()
        CallingHours.objects.bulk_create(ROWS)
        assert Law.of({"US"}).walls_on(Place("US", "TX"), SUNDAY) == hours((12, 21))
        for each in CallingHours.objects.all():
            each.full_clean()


@pytest.mark.django_db
class TestAnInstallation:
    def test_has_what_the_migrations_say(self) -> None:
        known = set(CallingHours.objects.values_list("country", "region", "weekday", "effective_on", "start", "end"))
        assert known == {
            (each.country, each.region, each.weekday, each.effective_on, each.start, each.end) for each in ROWS
        }

    def test_keeps_what_people_entered_before(self) -> None:
        CallingHours.objects.filter(region="WY").update(source="Ours", end=time(19))
        import_module("workflows.messaging.migrations.0012_stricter_states").load(apps, None)
        assert set(CallingHours.objects.filter(region="WY").values_list("source", "end")) == {("Ours", time(19))}

    def test_names_sections_in_rows_that_nobody_changed(self) -> None:
        sources = set(CallingHours.objects.filter(region="MS").values_list("source", flat=True))
        assert sources == {"Miss. Code § 77-3-723"}


class TestRows:
    def test_of_a_later_day_replace_earlier_ones(self) -> None:
        law = Law([row(time(8), time(20)), row(time(10), time(12), effective_on=date(2026, 5, 4))])
        assert law.walls_on(Place("XA"), date(2026, 4, 27)) == hours((8, 20))
        assert law.walls_on(Place("XA"), MONDAY) == hours((10, 12))

    def test_of_one_day_add_up(self) -> None:
        law = Law([row(time(14), time(20)), row(time(8), time(12)), row(time(11), time(13))])
        assert law.walls_on(Place("XA"), MONDAY) == hours((8, 13), (14, 20))

    def test_may_close_a_day_and_last_to_its_end(self) -> None:
        assert Law([row(None, None)]).walls_on(Place("XA"), MONDAY) == NEVER
        assert Law([row(time(8), time(0))]).walls_on(Place("XA"), MONDAY) == hours((8, 24))
        assert Law([row(time(0), time(0))]).walls_on(Place("XA"), MONDAY) == ALWAYS

    def test_of_a_region_cannot_widen_the_countrys(self) -> None:
        law = Law([row(time(9), time(18)), row(time(8), time(20), region="N")])
        assert law.walls_on(Place("XA", "N"), MONDAY) == hours((9, 18))

    def test_leave_days_that_they_do_not_name_as_elsewhere(self) -> None:
        assert Law([row(None, None)]).walls_on(Place("XA"), SUNDAY) == hours((8, 21))

    def test_of_holidays_nobody_knows_do_no_harm(self) -> None:
        law = Law([row(None, None, country="XX", weekday=7), row(time(9), time(18), country="XX")])
        assert law.walls_on(Place("XX"), MONDAY) == hours((9, 18))
