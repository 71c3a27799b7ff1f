"""One contact's history, merged by time."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.analytics.timeline import EntryKind, timeline
from workflows.crm.models import Note
from workflows.crm.tests.factories import ContactFactory, EventFactory, NoteFactory
from workflows.tests.factories import ActionExecutionFactory, ActiveWorkflowFactory, ExecutionFactory

pytestmark = pytest.mark.django_db

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def contact():
    """A contact with an event each even minute from 0 and a note or a step in between: ten entries in ten minutes."""
    contact = ContactFactory()
    for minute in range(0, 10, 2):
        EventFactory(contact=contact, occurred_at=START + timedelta(minutes=minute))
    for minute in (1, 5, 9):
        note = NoteFactory(contact=contact)
        Note.objects.for_account(contact.account_id).filter(id=note.id).update(
            created_at=START + timedelta(minutes=minute)
        )
    execution = ExecutionFactory(workflow=ActiveWorkflowFactory(account=contact.account), contact=contact)
    for visit, minute in enumerate((3, 7)):
        ActionExecutionFactory(workflow_execution=execution, visit=visit, started_at=START + timedelta(minutes=minute))
    return contact


def minutes(entries):
    return [int((entry.place.at - START).total_seconds() // 60) for entry in entries]


def read(contact, **arguments):
    return timeline(account_id=contact.account_id, contact_id=contact.id, **arguments)


class TestTimeline:
    def test_merges_the_sources_newest_first(self, contact):
        entries = read(contact, limit=50)
        assert minutes(entries) == list(range(9, -1, -1))
        assert [entry.kind for entry in entries[:3]] == [EntryKind.NOTE, EntryKind.EVENT, EntryKind.STEP]

    def test_goes_on_behind_a_place(self, contact):
        first = read(contact, limit=4)
        assert minutes(first) == [9, 8, 7, 6]
        assert minutes(read(contact, limit=4, older_than=first[-1].place)) == [5, 4, 3, 2]

    def test_goes_back_before_a_place(self, contact):
        place = read(contact, limit=8)[-1].place
        assert minutes(read(contact, limit=3, newer_than=place)) == [5, 4, 3]

    def test_tells_entries_of_the_same_moment_apart(self, contact):
        for _ in range(5):
            EventFactory(contact=contact, occurred_at=START)
        seen = []
        page = read(contact, limit=2)
        while page:
            seen += [entry.place.id for entry in page]
            page = read(contact, limit=2, older_than=page[-1].place)
        assert len(seen) == len(set(seen)) == 15

    def test_shows_nothing_of_another_contact(self, contact):
        other = ContactFactory(account=contact.account)
        NoteFactory(contact=other)
        assert len(read(contact, limit=50)) == 10
        assert len(read(other, limit=50)) == 1

    def test_shows_nothing_to_another_account(self, contact):
        other = ContactFactory()
        assert timeline(account_id=other.account_id, contact_id=contact.id, limit=50) == []

    def test_takes_three_queries_whatever_the_limit(self, contact, django_assert_num_queries):
        for limit in (1, 50):
            with django_assert_num_queries(3):
                read(contact, limit=limit)
