"""Whether a contact may be texted or called at this hour, and else from when on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from zoneinfo import ZoneInfo

from workflows.messaging.gate.clocks import ALWAYS, Spans, Walls, between, common, in_all, open_spans
from workflows.messaging.gate.law import Law
from workflows.messaging.gate.places import Place

NEAR_DAYS = 3
FAR_DAYS = 16
"""How far ahead an opening is looked for: no rule closes two weeks."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A step's own hours of silence by the contact's clock, over midnight when `end` is the earlier; equal: none."""

    start: time
    end: time
    """First time that is not silent any more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The span of time, open in every zone, that holds a moment or is the next after it."""

    opens: datetime
    """Not before the moment that was asked for (UTC)."""
    closes: datetime
    """First moment that is not open any more (UTC), or the end of what was looked at."""


class Hours:
    """The hours of one step: those of the law, where it counts, without the step's own quiet hours.

    Keeps what it reckoned, so that many contacts in few zones cost little.
    """

    def __init__(self, *, law: Law | None, quiet: QuietHours | None) -> None:
        self.law = law
        self.quiet = quiet
        self._spans: dict[tuple[ZoneInfo, Place, date, int], Spans] = {}
        self._shared: dict[tuple[tuple[ZoneInfo, ...], Place, tuple[date, ...], int], Spans] = {}

    @cached_property
    def loud(self) -> Walls:
        """Wall times that the step itself allows."""
        return between(self.quiet.end, self.quiet.start) if self.quiet else ALWAYS

    def opening(self, zones: Sequence[ZoneInfo], place: Place, now: datetime) -> Opening | None:
        """Return the opening that holds `now`, or the next; None when there is none within 16 days."""
        for days in (NEAR_DAYS, FAR_DAYS):
            for opens, closes in self._open_everywhere(tuple(zones), place, now, days):
                if closes > now:
                    return Opening(max(opens, now), closes)
        return None

    def _open_everywhere(self, zones: tuple[ZoneInfo, ...], place: Place, now: datetime, days: int) -> Spans:
        dates = tuple(now.astimezone(zone).date() for zone in zones)
        key = (zones, place, dates, days)
        if key not in self._shared:
            each = [self._open_in(zone, place, first, days) for zone, first in zip(zones, dates, strict=True)]
            self._shared[key] = in_all(each)
        return self._shared[key]

    def _open_in(self, zone: ZoneInfo, place: Place, first: date, days: int) -> Spans:
        key = (zone, place, first, days)
        if key not in self._spans:
            self._spans[key] = open_spans(zone, lambda day: self.walls_on(place, day), first, days)
        return self._spans[key]

    def walls_on(self, place: Place, day: date) -> Walls:
        """Return the wall times of a day that the law and the step leave open."""
        return common(self.loud, self.law.walls_on(place, day)) if self.law else self.loud
