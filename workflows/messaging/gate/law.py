"""What the law of a place says of a day: at which wall times contacts may be called and texted for marketing."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, time

from workflows.localtime import public_holidays
from workflows.messaging.gate.clocks import ALWAYS, Walls, between, common
from workflows.messaging.gate.places import UNKNOWN_REGION, Place
from workflows.messaging.models.calling_hours import CallingHours, DayOfRule

ELSEWHERE = between(time(8), time(21))
"""Where the table says nothing of a country."""
CLOSED: Walls = ()

Rule = tuple[date, time | None, time | None]
"""From when it holds, and its start and end; neither: closed."""


class Law:
    """The table of calling hours, as far as some countries are concerned."""

    def __init__(self, rows: Iterable[CallingHours]) -> None:
        self._rules: dict[tuple[str, str], dict[int, list[Rule]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            self._rules[row.country, row.region][row.weekday].append((row.effective_on, row.start, row.end))

    @classmethod
    def of(cls, countries: Collection[str]) -> "Law":
        """Read what the table says of countries; one query."""
        return cls(CallingHours.objects.filter(country__in=countries))

    def walls_on(self, place: Place, day: date) -> Walls:
        """Return the wall times of a day at which country and region allow it; of an unknown region, all of them."""
        country = self._of_authority(place.country, "", day)
        regions = [place.region]
        if place.region == UNKNOWN_REGION:
            regions = [region for known, region in self._rules if known == place.country]
        allowed = [self._of_authority(place.country, region, day) for region in regions if region]
        return common(
            ELSEWHERE if country is None else country, *(ALWAYS if each is None else each for each in allowed)
        )

    def _of_authority(self, country: str, region: str, day: date) -> Walls | None:
        """Return what one authority says; None: nothing."""
        if (country, region) not in self._rules:
            return None
        by_weekday = self._rules[country, region]
        if DayOfRule.HOLIDAY in by_weekday and is_holiday(country, day):
            on_holiday = in_force(by_weekday[DayOfRule.HOLIDAY], day)
            if on_holiday is not None:
                return on_holiday
        return in_force(by_weekday.get(day.weekday(), ()), day)


def in_force(rules: Collection[Rule], day: date) -> Walls | None:
    """Return what the latest rules say that hold already."""
    dates = [effective_on for effective_on, _, _ in rules if effective_on <= day]
    if not dates:
        return None
    latest = max(dates)
    walls = CLOSED
    for effective_on, start, end in rules:
        if effective_on == latest and start is not None and end is not None:
            walls += between(start, end)
    return merged(walls)


def merged(walls: Walls) -> Walls:
    """Return spans in order, those that overlap or touch as one."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted(walls):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return tuple(spans)


def is_holiday(country: str, day: date) -> bool:
    """Tell whether the country has a public holiday; of a country whose holidays nobody knows, no day is one."""
    try:
        return day in public_holidays(country, day.year)
    except NotImplementedError:
        return False
