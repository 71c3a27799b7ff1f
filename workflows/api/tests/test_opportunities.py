from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Account, AuditEntry
from accounts.tests.factories import MembershipFactory
from workflows.crm.models import Contact, Event, Opportunity, Pipeline
from workflows.crm.tests.factories import ContactFactory, OpportunityFactory, PipelineFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/opportunities"


@pytest.fixture
def pipeline(account: Account) -> Pipeline:
    made: Pipeline = PipelineFactory(account=account, name="Sales")
    return made


@pytest.fixture
def contact(account: Account) -> Contact:
    made: Contact = ContactFactory(account=account)
    return made


def codes(response: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


def told() -> list[str]:
    return list(Event.objects.order_by("sequence").values_list("event_type", flat=True))


class TestCreating:
    def test_takes_the_least(self, api: APIClient, account: Account, pipeline: Pipeline, contact: Contact) -> None:
        body = {"contact_id": str(contact.id), "pipeline_id": str(pipeline.id), "name": "Order"}
        response = api.post(URL, body)
        assert response.status_code == 201
        made = response.json()
        new = pipeline.stages.get(name="New")
        assert made | {"created_at": 0, "updated_at": 0, "stage_entered_at": 0, "history": 0, "id": 0} == {
            "id": 0,
            "contact_id": str(contact.id),
            "pipeline_id": str(pipeline.id),
            "stage_id": str(new.id),
            "stage_name": "New",
            "name": "Order",
            "value": 0.0,
            "currency": "USD",
            "status": "open",
            "owner_id": None,
            "source": "",
            "expected_close_on": None,
            "stage_entered_at": 0,
            "closed_at": None,
            "created_at": 0,
            "updated_at": 0,
            "history": 0,
        }
        (entry,) = made["history"]
        assert (entry["stage_name"], entry["status"], entry["caused_by_id"]) == ("New", "open", None)
        assert told() == ["deal_created"]
        assert api.get(f"{URL}/{made['id']}").json() == made
        assert AuditEntry.objects.get(object_type="opportunity").verb == "opportunity.created"

    def test_takes_everything(self, api: APIClient, account: Account, pipeline: Pipeline, contact: Contact) -> None:
        member = MembershipFactory(account=account).user
        won = pipeline.stages.get(name="Won")
        response = api.post(
            URL,
            {
                "contact_id": str(contact.id),
                "pipeline_id": str(pipeline.id),
                "stage_id": str(won.id),
                "name": "Order",
                "value": 1200.5,
                "currency": "eur",
                "owner_id": str(member.id),
                "source": "Fair",
                "expected_close_on": "2027-01-31",
            },
        )
        assert response.status_code == 201
        made = response.json()
        assert (made["value"], made["currency"], made["status"], made["owner_id"]) == (
            1200.5,
            "EUR",
            "won",
            str(member.id),
        )
        assert made["closed_at"] is not None
        assert told() == ["deal_created", "deal_won"]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"value": -1}, ("min_value", "value")),
            ({"value": "NaN"}, ("invalid", "value")),
            ({"value": 0.0001}, ("max_decimal_places", "value")),
            ({"value": 10**13}, ("max_whole_digits", "value")),
            ({"currency": "XXX"}, ("invalid", "currency")),
            ({"status": "gone"}, ("invalid_choice", "status")),
            ({"name": ""}, ("blank", "name")),
            ({"name": "x" * 201}, ("max_length", "name")),
            ({"expected_close_on": "soon"}, ("invalid", "expected_close_on")),
            ({"owner_id": "0199c0de-0000-7000-8000-00000000dead"}, ("user_not_found", "owner_id")),
            ({"stage_id": "0199c0de-0000-7000-8000-00000000dead"}, ("stage_not_found", "stage_id")),
            ({"deal": 1}, ("unknown_field", "deal")),
        ],
    )
    def test_refuses(
        self, api: APIClient, pipeline: Pipeline, contact: Contact, changes: dict[str, Any], expected: Any
    ) -> None:
        body = {"contact_id": str(contact.id), "pipeline_id": str(pipeline.id), "name": "Order"}
        response = api.post(URL, body | changes)
        assert (response.status_code, codes(response)) == (400, [expected])
        assert not Opportunity.objects.exists()
        assert not Event.objects.exists()

    def test_refuses_a_stage_of_another_pipeline(
        self, api: APIClient, account: Account, pipeline: Pipeline, contact: Contact
    ) -> None:
        stage = PipelineFactory(account=account).stages.first()
        body = {"contact_id": str(contact.id), "pipeline_id": str(pipeline.id), "name": "Order"}
        assert codes(api.post(URL, body | {"stage_id": str(stage.id)})) == [("stage_not_found", "stage_id")]

    def test_refuses_a_status_that_the_stage_does_not_have(
        self, api: APIClient, pipeline: Pipeline, contact: Contact
    ) -> None:
        body = {"contact_id": str(contact.id), "pipeline_id": str(pipeline.id), "name": "Order"}
        won = pipeline.stages.get(name="Won")
        assert codes(api.post(URL, body | {"stage_id": str(won.id), "status": "open"})) == [("invalid", "status")]
        assert api.post(URL, body | {"status": "lost"}).json()["status"] == "lost"


class TestChanging:
    @pytest.fixture
    def deal(self, pipeline: Pipeline, contact: Contact) -> Opportunity:
        made: Opportunity = OpportunityFactory(contact=contact, pipeline=pipeline)
        return made

    def test_moves_it_to_a_stage(self, api: APIClient, pipeline: Pipeline, deal: Opportunity) -> None:
        for name, status in (("Proposal", "open"), ("Won", "won"), ("Lost", "lost"), ("New", "open")):
            stage = pipeline.stages.get(name=name)
            changed = api.patch(f"{URL}/{deal.id}", {"stage_id": str(stage.id)}).json()
            assert (changed["stage_name"], changed["status"]) == (name, status)
            assert (changed["closed_at"] is None) == (status == "open")
        assert [entry["stage_name"] for entry in changed["history"]] == ["Proposal", "Won", "Lost", "New"]
        assert all(entry["actor_label"] for entry in changed["history"])
        assert told() == [
            "stage_changed",
            "stage_changed",
            "deal_won",
            "stage_changed",
            "deal_lost",
            "stage_changed",
        ]

    def test_wins_it_where_it_is(self, api: APIClient, deal: Opportunity) -> None:
        changed = api.patch(f"{URL}/{deal.id}", {"status": "won"}).json()
        assert (changed["stage_name"], changed["status"]) == ("New", "won")
        assert told() == ["deal_won"]
        assert api.patch(f"{URL}/{deal.id}", {"status": "open"}).json()["closed_at"] is None
        assert told() == ["deal_won"]

    def test_takes_it_to_another_pipeline(self, api: APIClient, account: Account, deal: Opportunity) -> None:
        other = PipelineFactory(account=account)
        changed = api.patch(f"{URL}/{deal.id}", {"pipeline_id": str(other.id)}).json()
        assert (changed["pipeline_id"], changed["stage_id"]) == (str(other.id), str(other.stages.first().id))

    def test_changes_what_it_is(self, api: APIClient, account: Account, deal: Opportunity) -> None:
        member = MembershipFactory(account=account).user
        body = {"name": "Big order", "value": "99.5", "currency": "CHF", "owner_id": str(member.id), "source": "Web"}
        changed = api.patch(f"{URL}/{deal.id}", body).json()
        assert {name: changed[name] for name in body} == body | {"value": 99.5}
        assert told() == []
        entry = AuditEntry.objects.get(verb="opportunity.changed")
        assert (entry.before["value"], entry.after["value"]) == (100.0, 99.5)

    def test_that_changes_nothing_leaves_no_trace(self, api: APIClient, deal: Opportunity) -> None:
        body = {"name": deal.name, "stage_id": str(deal.stage_id), "status": "open"}
        assert api.patch(f"{URL}/{deal.id}", body).status_code == 200
        assert not Event.objects.exists()
        assert not AuditEntry.objects.filter(verb="opportunity.changed").exists()

    def test_is_undone_as_a_whole(self, api: APIClient, deal: Opportunity) -> None:
        body = {"name": "New", "stage_id": "0199c0de-0000-7000-8000-00000000dead"}
        assert api.patch(f"{URL}/{deal.id}", body).status_code == 400
        deal.refresh_from_db()
        assert deal.name != "New"

    def test_respects_if_match(self, api: APIClient, deal: Opportunity) -> None:
        tag = api.get(f"{URL}/{deal.id}")["ETag"]
        assert api.patch(f"{URL}/{deal.id}", {"name": "First"}, HTTP_IF_MATCH=tag).status_code == 200
        assert api.patch(f"{URL}/{deal.id}", {"name": "Second"}, HTTP_IF_MATCH=tag).status_code == 412
        deal.refresh_from_db()
        assert deal.name == "First"

    def test_deletes_it_with_its_history(self, api: APIClient, deal: Opportunity) -> None:
        assert api.delete(f"{URL}/{deal.id}").status_code == 204
        assert api.get(f"{URL}/{deal.id}").status_code == 404
        assert AuditEntry.objects.get(object_type="opportunity").verb == "opportunity.deleted"


class TestList:
    def test_is_filtered_searched_and_ordered(self, api: APIClient, account: Account, pipeline: Pipeline) -> None:
        member = MembershipFactory(account=account).user
        ada, ben = (ContactFactory(account=account, first_name=name) for name in ("Zoe", "Ben"))
        small = OpportunityFactory(contact=ada, pipeline=pipeline, value=10, owner=member, name="Small")
        big = OpportunityFactory(
            contact=ben, pipeline=pipeline, value=1000, stage=pipeline.stages.get(name="Won"), currency="EUR"
        )
        other = OpportunityFactory(contact=ben, pipeline=PipelineFactory(account=account), value=100)

        def found(**parameters: Any) -> list[str]:
            response = api.get(URL, parameters)
            assert response.status_code == 200, response.json()
            return [item["id"] for item in response.json()["items"]]

        assert found() == [str(other.id), str(big.id), str(small.id)]
        assert found(pipeline_id=pipeline.id) == [str(big.id), str(small.id)]
        assert found(stage_id=big.stage_id) == [str(big.id)]
        assert found(status="won") == [str(big.id)]
        assert found(owner_id=member.id) == [str(small.id)]
        assert found(contact_id=ben.id) == [str(other.id), str(big.id)]
        assert found(currency="eur") == [str(big.id)]
        assert found(min_value=100, max_value=999) == [str(other.id)]
        assert found(search="small") == found(search="zoe") == [str(small.id)]
        assert found(ordering="value") == [str(small.id), str(other.id), str(big.id)]
        for name in ("pipeline", "value", "min_value"):
            assert api.get(URL, {name: "x"}).status_code == 400

    def test_leaves_out_those_of_deleted_contacts(self, api: APIClient, account: Account) -> None:
        gone = OpportunityFactory(contact=ContactFactory(account=account, deleted_at="2026-01-01T00:00:00Z"))
        assert api.get(URL).json()["total"] == 0
        assert api.get(f"{URL}/{gone.id}").status_code == 404

    def test_takes_as_many_queries_for_many(self, api: APIClient, account: Account, pipeline: Pipeline) -> None:
        api.get(URL)
        counts = []
        for _ in range(2):
            for _ in range(4):
                OpportunityFactory(contact=ContactFactory(account=account), pipeline=pipeline)
            with CaptureQueriesContext(connection) as queries:
                response = api.get(URL)
            counts.append(len(queries))
        assert response.json()["total"] == 8
        assert counts[0] == counts[1]

    def test_shows_deals_on_the_contacts_timeline(self, api: APIClient, pipeline: Pipeline, contact: Contact) -> None:
        body = {"contact_id": str(contact.id), "pipeline_id": str(pipeline.id), "name": "Order"}
        api.post(URL, body)
        (entry,) = api.get(f"/api/v1/contacts/{contact.id}/timeline").json()["items"]
        assert (entry["kind"], entry["event"]["event_type"]) == ("event", "deal_created")
