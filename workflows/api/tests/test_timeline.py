"""A contact's history over HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from accounts.tests.factories import UserFactory
from workflows.crm.models import Note
from workflows.crm.tests.factories import ContactFactory, EventFactory, NoteFactory
from workflows.tests.factories import ActionExecutionFactory, ActiveWorkflowFactory, ExecutionFactory

pytestmark = pytest.mark.django_db

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def contact(account):
    """A contact with a note at 9:00, a step at 9:01 and an event at 9:02."""
    contact = ContactFactory(account=account)
    note = NoteFactory(contact=contact, content="Called.", author=UserFactory(name="Ada"))
    Note.objects.for_account(account.id).filter(id=note.id).update(created_at=START)
    execution = ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), contact=contact)
    ActionExecutionFactory(workflow_execution=execution, started_at=START + timedelta(minutes=1))
    EventFactory(
        contact=contact,
        event_type="tag_added",
        data={"tag_name": "VIP"},
        occurred_at=START + timedelta(minutes=2),
    )
    return contact


def path(contact):
    return f"/api/v1/contacts/{contact.id}/timeline"


class TestTimeline:
    def test_tells_what_happened_newest_first(self, api, contact):
        response = api.get(path(contact))
        assert response.status_code == 200
        event, step, note = response.json()["items"]
        assert (event["kind"], event["occurred_at"]) == ("event", "2026-05-04T09:02:00Z")
        assert event["event"] == {
            "event_type": "tag_added",
            "data": {"tag_name": "VIP"},
            "source": "",
            "caused_by_id": None,
        }
        assert (event["step"], event["note"]) == (None, None)
        assert (step["kind"], step["step"]["action_type"], step["id"]) == ("step", "add_tag", step["step"]["id"])
        assert (step["event"], step["note"]) == (None, None)
        assert (note["kind"], note["note"]["content"], note["note"]["author_name"]) == ("note", "Called.", "Ada")

    def test_comes_in_pages_both_ways(self, api, contact):
        everything = [entry["id"] for entry in api.get(path(contact)).json()["items"]]
        first = api.get(path(contact), {"limit": 1}).json()
        second = api.get(path(contact), {"limit": 1, "cursor": first["next"]}).json()
        third = api.get(path(contact), {"limit": 1, "cursor": second["next"]}).json()
        assert [page["items"][0]["id"] for page in (first, second, third)] == everything
        assert (first["previous"], third["next"]) == (None, None)
        back = api.get(path(contact), {"limit": 1, "cursor": third["previous"]}).json()
        assert back["items"] == second["items"]
        newest = api.get(path(contact), {"limit": 5, "cursor": second["previous"]}).json()
        assert (newest["items"], newest["previous"]) == (first["items"], None)

    def test_is_empty_for_somebody_new(self, api, account):
        body = api.get(path(ContactFactory(account=account))).json()
        assert body == {"items": [], "next": None, "previous": None}

    @pytest.mark.parametrize("query", ["cursor=x", "limit=201", "kind=event"])
    def test_refuses_parameters_that_cannot_be(self, api, contact, query):
        response = api.get(f"{path(contact)}?{query}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "invalid_filter")

    def test_refuses_a_cursor_of_another_list(self, api, contact):
        ExecutionFactory(workflow=ActiveWorkflowFactory(account=contact.account), contact=contact)
        foreign = api.get("/api/v1/executions?limit=1").json()["next"]
        response = api.get(path(contact), {"cursor": foreign})
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "invalid_filter")

    def test_is_hidden_from_another_account(self, api, other_account):
        foreign = ContactFactory(account=other_account)
        NoteFactory(contact=foreign)
        response = api.get(path(foreign))
        assert response.status_code == 404
        assert response.json() == api.get(f"/api/v1/contacts/{uuid4()}/timeline").json()

    def test_takes_the_same_queries_for_one_and_for_many(self, api, contact, django_assert_max_num_queries):
        api.get(path(contact))
        for _ in range(20):
            NoteFactory(contact=contact, author=UserFactory())
            EventFactory(contact=contact)
        with django_assert_max_num_queries(6):
            assert len(api.get(path(contact)).json()["items"]) == 43
