"""Recording facts."""

from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from accounts.models import Account
from workflows.crm.copies import Cause
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Event
from workflows.crm.tests.factories import ContactFactory
from workflows.crm.tests.world import NOW, count_queries, told

pytestmark = pytest.mark.django_db


class TestRecordEvents:
    def test_writes_them_in_order_with_their_cause(self, account: Account) -> None:
        contact, log_id = ContactFactory(account=account), uuid7()
        record_events(
            account_id=account.id,
            events=[
                NewEvent(contact.id, "tag_added", {"tag_name": 'a "b" \\ {c}, ü 😀'}, Cause(log_id, 3)),
                NewEvent(contact.id, "note_added", {"nested": [1, {"a": None}]}),
            ],
            now=NOW,
        )
        first, second = Event.objects.order_by("sequence")
        assert (first.event_type, first.data) == ("tag_added", {"tag_name": 'a "b" \\ {c}, ü 😀'})
        assert (first.caused_by_id, first.depth) == (log_id, 3)
        assert (second.caused_by_id, second.depth) == (None, 0)
        assert second.data == {"nested": [1, {"a": None}]}
        assert first.occurred_at == first.created_at == NOW
        assert (first.source, first.event_id, first.dispatched_at) == ("", None, None)
        assert first.account_id == account.id
        assert first.id < second.id

    def test_counts_an_event_of_another_system_once(self, account: Account) -> None:
        contact = ContactFactory(account=account)
        earlier = NOW - timedelta(days=1)
        outside = NewEvent(contact.id, "form_submitted", {"n": 1}, occurred_at=earlier, source='sh"op', event_id="e-1")
        own = NewEvent(contact.id, "tag_added", {})
        record_events(account_id=account.id, events=[outside, own, outside], now=NOW)
        record_events(account_id=account.id, events=[outside], now=NOW)
        assert told() == [("form_submitted", {"n": 1}), ("tag_added", {})]
        event = Event.objects.get(event_type="form_submitted")
        assert (event.source, event.event_id, event.occurred_at) == ('sh"op', "e-1", earlier)
        assert Event.objects.get(event_type="tag_added").occurred_at == NOW

    def test_two_accounts_may_use_the_same_event_id(self, account: Account, other_account: Account) -> None:
        for owner in (account, other_account):
            event = NewEvent(ContactFactory(account=owner).id, "form_submitted", {}, source="shop", event_id="1")
            record_events(account_id=owner.id, events=[event], now=NOW)
        assert Event.objects.count() == 2

    def test_takes_one_statement_for_any_number(self, account: Account) -> None:
        contact = ContactFactory(account=account)
        events = [NewEvent(contact.id, "tag_added", {"n": number}) for number in range(500)]
        assert count_queries(lambda: record_events(account_id=account.id, events=events, now=NOW)) == 1
        assert [data["n"] for _, data in told()] == list(range(500))
        assert count_queries(lambda: record_events(account_id=account.id, events=[], now=NOW)) == 0
