"""Reckoning with hours: when a span of wall time is open by the clocks of one zone or of several, to the second."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from workflows.localtime import instant, jump_before

DAY = 24 * 60 * 60

Walls = tuple[tuple[int, int], ...]
"""Half-open spans of one day's wall time, in order: seconds since midnight, at most `DAY`."""
Spans = list[tuple[datetime, datetime]]
"""Half-open spans of time (UTC), in order, none of them touching the next."""

ALWAYS: Walls = ((0, DAY),)


def seconds(wall_time: time) -> int:
    """Return the seconds since midnight; halves of seconds do not count."""
    return wall_time.hour * 3600 + wall_time.minute * 60 + wall_time.second


def between(start: time, end: time) -> Walls:
    """Return the wall time from `start` to `end`, over midnight when `end` is the earlier; equal: the whole day."""
    first, last = seconds(start), seconds(end)
    if first < last:
        return ((first, last),)
    if first == last:
        return ALWAYS
    return tuple(span for span in ((0, last), (first, DAY)) if span[0] < span[1])


def common(*many: Walls) -> Walls:
    """Return the wall time that all have in common."""
    shared: Walls = ALWAYS
    for walls in many:
        shared = tuple(overlaps(shared, walls))
    return shared


def overlaps(some: Iterable[tuple[int, int]], others: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in some:
        for other_start, other_end in others:
            if max(start, other_start) < min(end, other_end):
                yield max(start, other_start), min(end, other_end)


def open_spans(zone: ZoneInfo, walls_on: Callable[[date], Walls], first: date, days: int) -> Spans:
    """Return when the zone's clocks show open wall time, on `days` days from `first`.

    Exact where clocks change: what they jump over is never, and what they show twice is open twice.
    """
    spans: Spans = []
    for day in (first + timedelta(days=ahead) for ahead in range(days)):
        for opens, closes in spans_on(day, zone, walls_on(day)):
            if spans and spans[-1][1] == opens:
                spans[-1] = (spans[-1][0], closes)
            else:
                spans.append((opens, closes))
    return spans


def spans_on(day: date, zone: ZoneInfo, walls: Walls) -> Iterator[tuple[datetime, datetime]]:
    """Yield the open spans of one day; between two changes of the clocks wall time runs as time does."""
    midnight = datetime.combine(day, time.min)
    begins, ends = instant(day, time.min, zone), instant(day + timedelta(days=1), time.min, zone)
    if begins >= ends:  # a day that the zone left out
        return
    offsets = [begins.astimezone(zone).utcoffset(), (ends - timedelta(seconds=1)).astimezone(zone).utcoffset()]
    if offsets[0] == offsets[1]:
        parts = [(begins, ends, offsets[0])]
    else:
        change = jump_before(ends - timedelta(seconds=1), begins, zone)
        parts = [(begins, change, offsets[0]), (change, ends, offsets[1])]
    for part_begins, part_ends, offset in parts:
        shown_at_midnight = (midnight - (offset or timedelta())).replace(tzinfo=UTC)
        for start, end in walls:
            opens = max(part_begins, shown_at_midnight + timedelta(seconds=start))
            closes = min(part_ends, shown_at_midnight + timedelta(seconds=end))
            if opens < closes:
                yield opens, closes


def in_all(many: Sequence[Spans]) -> Spans:
    """Return when all are open."""
    shared = many[0]
    for spans in many[1:]:
        shared = both(shared, spans)
    return shared


def both(some: Spans, others: Spans) -> Spans:
    """Return when both are open, in one pass."""
    spans: Spans = []
    left, right = 0, 0
    while left < len(some) and right < len(others):
        opens = max(some[left][0], others[right][0])
        closes = min(some[left][1], others[right][1])
        if opens < closes:
            spans.append((opens, closes))
        if some[left][1] < others[right][1]:
            left += 1
        else:
            right += 1
    return spans
