"""Telling what happened: once, in order per contact."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from threading import Event as Signal
from threading import Thread

import pytest
from django.db import connection, transaction

from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Contact, Event
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.clock import VirtualClock
from workflows.engine.dispatch import DispatchedEvent, consume, dispatch, dispatch_page
from workflows.engine.tests.conftest import START

pytestmark = pytest.mark.django_db


class Witness:
    """A consumer that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.refused: set[int] = set()

    def __call__(self, events: Sequence[DispatchedEvent], *, now: datetime) -> None:
        for event in events:
            if event.data["number"] in self.refused:
                raise ValueError("not this one")
        self.told += [(str(event.contact_id), event.data["number"]) for event in events]


@pytest.fixture
def witness() -> Iterator[Witness]:
    consumer = Witness()
    end = consume(consumer)
    yield consumer
    end()


def record(contact: Contact, *numbers: int) -> None:
    events = [NewEvent(contact.id, "custom_event", {"number": number}) for number in numbers]
    record_events(account_id=contact.account_id, events=events, now=START)


class TestDispatch:
    def test_tells_each_event_once_in_order(self, witness: Witness, virtual_clock: VirtualClock) -> None:
        first, second = ContactFactory(), ContactFactory()
        record(first, 1, 2)
        record(second, 3)
        record(first, 4)

        assert (dispatch(), dispatch()) == (4, 0)

        assert witness.told == [(str(first.id), 1), (str(first.id), 2), (str(second.id), 3), (str(first.id), 4)]
        assert set(Event.objects.values_list("dispatched_at", flat=True)) == {START}

    def test_works_without_consumers(self, virtual_clock: VirtualClock) -> None:
        record(ContactFactory(), 1, 2, 3)

        assert dispatch() == 3
        assert not Event.objects.filter(dispatched_at=None).exists()

    def test_goes_on_in_pages(self, witness: Witness, virtual_clock: VirtualClock) -> None:
        contact = ContactFactory()
        record(contact, *range(5))

        assert [dispatch_page(2) for _ in range(4)] == [2, 2, 1, 0]
        assert [number for _, number in witness.told] == [0, 1, 2, 3, 4]

    def test_passes_over_an_event_that_a_consumer_cannot_take(
        self, witness: Witness, virtual_clock: VirtualClock
    ) -> None:
        contact = ContactFactory()
        record(contact, *range(7))
        witness.refused = {3}

        dispatch()

        assert [number for _, number in witness.told] == [0, 1, 2, 4, 5, 6]
        assert not Event.objects.filter(dispatched_at=None).exists()

    def test_keeps_the_marks_only_if_the_consumers_work_is_kept(self, virtual_clock: VirtualClock) -> None:
        record(ContactFactory(), 1)

        with transaction.atomic():
            dispatch_page(10)
            transaction.set_rollback(True)

        assert Event.objects.filter(dispatched_at=None).count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_two_dispatchers_never_have_the_same_contact(self) -> None:
        busy, free = ContactFactory(), ContactFactory()
        record(busy, 1, 2)
        in_hand, go_on = Signal(), Signal()
        told: dict[str, list[int]] = {"first": [], "second": []}
        names = iter(["first", "second", "third"])

        def consumer(events: Sequence[DispatchedEvent], *, now: datetime) -> None:
            name = next(names)
            told.setdefault(name, []).extend(event.data["number"] for event in events)
            if name == "first":
                in_hand.set()
                go_on.wait(10)

        def run() -> None:
            dispatch_page(10)
            connection.close()

        end = consume(consumer)
        try:
            slow = Thread(target=run)
            slow.start()
            in_hand.wait(10)
            record(busy, 3)
            record(free, 4)
            dispatch_page(10)
            go_on.set()
            slow.join()
            assert told == {"first": [1, 2], "second": [4]}
            dispatch_page(10)
        finally:
            end()

        assert told["third"] == [3]
