from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.problems import Conflict, Invalid
from accounts.tests.factories import AccountFactory
from workflows.authoring import chain
from workflows.crm.models import Opportunity, Pipeline, Stage
from workflows.crm.refusals import Refused
from workflows.crm.services import opportunities, pipelines
from workflows.crm.services.opportunities import add_opportunity
from workflows.crm.tests.factories import ContactFactory, OpportunityFactory, PipelineFactory
from workflows.crm.tests.together import together
from workflows.crm.tests.world import NOW
from workflows.tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/pipelines"


@pytest.fixture
def pipeline(account: Account) -> Pipeline:
    made: Pipeline = PipelineFactory(account=account, name="Sales")
    return made


def names(pipeline: Pipeline) -> list[str]:
    return list(pipeline.stages.order_by("position").values_list("name", flat=True))


def positions(pipeline: Pipeline) -> list[int]:
    return list(pipeline.stages.order_by("position").values_list("position", flat=True))


def codes(response: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


class TestPipelines:
    def test_are_made_with_their_stages(self, api: APIClient, account: Account) -> None:
        body = {"name": " Sales ", "stages": [{"name": "New"}, {"name": "Done", "kind": "won"}]}
        response = api.post(URL, body)
        assert response.status_code == 201
        made = response.json()
        assert made["name"] == "Sales"
        assert [(stage["name"], stage["kind"], stage["position"]) for stage in made["stages"]] == [
            ("New", "open", 0),
            ("Done", "won", 1),
        ]
        assert api.get(f"{URL}/{made['id']}").json() == made
        assert AuditEntry.objects.get(object_id=made["id"]).verb == "pipeline.created"

    def test_have_stages_when_none_are_given(self, api: APIClient) -> None:
        stages = api.post(URL, {"name": "Sales"}).json()["stages"]
        assert [(stage["name"], stage["kind"]) for stage in stages] == [
            ("Open", "open"),
            ("Won", "won"),
            ("Lost", "lost"),
        ]

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, [("required", "name")]),
            ({"name": " "}, [("blank", "name")]),
            ({"name": "x" * 101}, [("max_length", "name")]),
            ({"name": "Sales", "stages": []}, [("invalid", "stages")]),
            ({"name": "Sales", "stages": [{}]}, [("required", "stages.0.name")]),
            ({"name": "Sales", "stages": [{"name": "A", "kind": "end"}]}, [("invalid_choice", "stages.0.kind")]),
            ({"name": "Sales", "stages": [{"name": "A"}, {"name": "a"}]}, [("name_taken", "stages.1.name")]),
            ({"name": "Sales", "stages": [{"name": "A", "color": "red"}]}, [("unknown_field", "stages.0.color")]),
        ],
    )
    def test_are_refused(self, api: APIClient, body: dict[str, Any], expected: Any) -> None:
        response = api.post(URL, body)
        assert (response.status_code, codes(response)) == (400, expected)
        assert not Pipeline.objects.exists()

    def test_have_a_name_of_their_own(self, api: APIClient, pipeline: Pipeline) -> None:
        response = api.post(URL, {"name": "SALES"})
        assert (response.status_code, codes(response)) == (409, [("name_taken", "name")])
        other = api.post(URL, {"name": "Renewals"}).json()
        assert api.patch(f"{URL}/{other['id']}", {"name": "sales"}).status_code == 409
        assert api.patch(f"{URL}/{other['id']}", {"name": "RENEWALS"}).json()["name"] == "RENEWALS"

    def test_may_be_called_alike_in_two_accounts(self, api: APIClient, other_account: Account) -> None:
        PipelineFactory(account=other_account, name="Sales")
        assert api.post(URL, {"name": "Sales"}).status_code == 201

    def test_are_limited(self, api: APIClient, monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> None:
        monkeypatch.setattr(pipelines, "MAXIMUM_PIPELINES", 1)
        assert codes(api.post(URL, {"name": "Second"})) == [("pipeline_limit_reached", None)]

    def test_stay_while_opportunities_are_in_them(self, api: APIClient, account: Account, pipeline: Pipeline) -> None:
        contact = ContactFactory(account=account)
        OpportunityFactory(contact=contact, pipeline=pipeline)
        response = api.delete(f"{URL}/{pipeline.id}")
        assert (response.status_code, codes(response)) == (409, [("in_use", None)])
        assert "1 opportunity is in this pipeline" in response.json()["errors"][0]["detail"]
        contact.deleted_at = NOW
        contact.save()
        assert api.delete(f"{URL}/{pipeline.id}").status_code == 204
        assert not Opportunity.objects.exists()
        assert not Stage.objects.exists()

    def test_stay_while_a_workflow_names_one_of_their_stages(
        self, api: APIClient, account: Account, pipeline: Pipeline
    ) -> None:
        workflow = WorkflowFactory(account=account, name="Welcome")
        stage = pipeline.stages.get(name="Proposal")
        chain.add_action(
            account_id=account.id,
            actor=SYSTEM,
            workflow_id=workflow.id,
            action_type="move_pipeline_stage",
            action_config={"pipeline_id": str(pipeline.id), "stage_id": str(stage.id)},
        )
        for path in (f"{URL}/{pipeline.id}", f"{URL}/{pipeline.id}/stages/{stage.id}"):
            response = api.delete(path)
            assert (response.status_code, codes(response)) == (409, [("in_use", None)])
            assert "“Welcome” (move_pipeline_stage)" in response.json()["errors"][0]["detail"]
            (usage,) = api.get(f"{path}/usages").json()["items"]
            assert usage["action_key"] == "move_pipeline_stage"
        assert api.delete(f"{URL}/{pipeline.id}/stages/{pipeline.stages.get(name='New').id}").status_code == 204

    def test_list_takes_as_many_queries_for_many(self, api: APIClient, account: Account) -> None:
        api.get(URL)
        counts = []
        for _ in range(2):
            PipelineFactory.create_batch(3, account=account)
            with CaptureQueriesContext(connection) as queries:
                response = api.get(URL)
            counts.append(len(queries))
        assert response.json()["total"] == 6
        assert counts[0] == counts[1]


class TestStages:
    def url(self, pipeline: Pipeline, name: str = "") -> str:
        base = f"{URL}/{pipeline.id}/stages"
        return f"{base}/{pipeline.stages.get(name=name).id}" if name else base

    def test_are_listed_in_order(self, api: APIClient, pipeline: Pipeline) -> None:
        items = api.get(self.url(pipeline)).json()["items"]
        assert [(item["name"], item["position"]) for item in items] == [
            ("New", 0),
            ("Proposal", 1),
            ("Won", 2),
            ("Lost", 3),
        ]

    def test_are_added_at_the_end_or_at_a_position(self, api: APIClient, pipeline: Pipeline) -> None:
        assert api.post(self.url(pipeline), {"name": "Late"}).json()["position"] == 4
        assert api.post(self.url(pipeline), {"name": "Early", "position": 1}).json()["position"] == 1
        assert names(pipeline) == ["New", "Early", "Proposal", "Won", "Lost", "Late"]
        assert positions(pipeline) == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"name": "Late", "position": 5}, (400, [("max_value", "position")])),
            ({"name": "Late", "position": -1}, (400, [("min_value", "position")])),
            ({"name": "new"}, (409, [("name_taken", "name")])),
            ({"name": "Late", "kind": "closed"}, (400, [("invalid_choice", "kind")])),
        ],
    )
    def test_are_refused(self, api: APIClient, pipeline: Pipeline, body: dict[str, Any], expected: Any) -> None:
        response = api.post(self.url(pipeline), body)
        assert (response.status_code, codes(response)) == expected
        assert names(pipeline) == ["New", "Proposal", "Won", "Lost"]

    def test_change_name_kind_and_place(self, api: APIClient, pipeline: Pipeline) -> None:
        response = api.patch(self.url(pipeline, "Proposal"), {"name": "Offer", "kind": "lost", "position": 3})
        assert (response.json()["name"], response.json()["kind"], response.json()["position"]) == ("Offer", "lost", 3)
        assert names(pipeline) == ["New", "Won", "Lost", "Offer"]

    def test_keep_their_kind_while_opportunities_are_there(
        self, api: APIClient, account: Account, pipeline: Pipeline
    ) -> None:
        OpportunityFactory(contact=ContactFactory(account=account), pipeline=pipeline)
        response = api.patch(self.url(pipeline, "New"), {"kind": "won"})
        assert (response.status_code, codes(response)) == (409, [("in_use", "kind")])
        assert pipeline.stages.get(name="New").kind == "open"

    def test_are_put_in_another_order(self, api: APIClient, pipeline: Pipeline) -> None:
        lost = str(pipeline.stages.get(name="Lost").id)
        response = api.post(f"{self.url(pipeline)}/reorder", {"stage_positions": {lost: 0}})
        assert response.status_code == 200
        assert [item["name"] for item in response.json()["items"]] == ["Lost", "New", "Proposal", "Won"]
        assert names(pipeline) == ["Lost", "New", "Proposal", "Won"]

    def test_order_is_refused_as_a_whole(self, api: APIClient, pipeline: Pipeline) -> None:
        first, second, *_ = [str(stage.id) for stage in pipeline.stages.order_by("position")]
        for wrong in ({}, {first: 4}, {first: 1, second: 1}, {"x": 0}, {str(pipeline.id): 0}):
            response = api.post(f"{self.url(pipeline)}/reorder", {"stage_positions": wrong})
            assert response.status_code == 400
        assert names(pipeline) == ["New", "Proposal", "Won", "Lost"]

    def test_close_the_gap_of_a_deleted_one(self, api: APIClient, pipeline: Pipeline) -> None:
        assert api.delete(self.url(pipeline, "Proposal")).status_code == 204
        assert (names(pipeline), positions(pipeline)) == (["New", "Won", "Lost"], [0, 1, 2])

    def test_stay_while_opportunities_are_there(self, api: APIClient, account: Account, pipeline: Pipeline) -> None:
        OpportunityFactory(contact=ContactFactory(account=account), pipeline=pipeline)
        response = api.delete(self.url(pipeline, "New"))
        assert (response.status_code, codes(response)) == (409, [("in_use", None)])
        assert len(names(pipeline)) == 4

    def test_last_one_stays(self, api: APIClient, account: Account) -> None:
        pipeline = PipelineFactory(account=account, stages=["Only"])
        response = api.delete(self.url(pipeline, "Only"))
        assert (response.status_code, codes(response)) == (409, [("last_stage", None)])
        assert names(pipeline) == ["Only"]


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_an_opportunity_and_the_deletion_of_its_stage_do_not_both_happen(self) -> None:
        account = AccountFactory()
        for _ in range(8):
            pipeline = PipelineFactory(account=account)
            stage = pipeline.stages.get(name="Proposal")
            contact = ContactFactory(account=account)

            def add(pipeline: Pipeline = pipeline, stage: Stage = stage, contact: Any = contact) -> bool:
                try:
                    add_opportunity(
                        account_id=account.id,
                        actor=SYSTEM,
                        contact_id=contact.id,
                        pipeline_id=pipeline.id,
                        stage_id=stage.id,
                        name="Order",
                        now=NOW,
                    )
                except Invalid:
                    return False
                return True

            def delete(pipeline: Pipeline = pipeline, stage: Stage = stage) -> bool:
                try:
                    pipelines.delete_stage(
                        account_id=account.id, actor=SYSTEM, pipeline_id=pipeline.id, stage_id=stage.id
                    )
                except Conflict:
                    return False
                return True

            added, deleted = together([add, delete])
            assert added != deleted
            assert Stage.objects.filter(id=stage.id).exists() == added

    def test_editors_leave_a_whole_order(self) -> None:
        account = AccountFactory()
        pipeline = PipelineFactory(account=account)
        shared = {"account_id": account.id, "actor": SYSTEM, "pipeline_id": pipeline.id}
        stage_ids = list(pipeline.stages.values_list("id", flat=True))
        together(
            [partial(pipelines.add_stage, **shared, name=f"Extra {number}", position=0) for number in range(6)]
            + [partial(pipelines.reorder_stages, **shared, stage_positions={stage_id: 0}) for stage_id in stage_ids]
        )
        assert positions(pipeline) == list(range(10))

    def test_parallel_drafts_make_one_open_opportunity(self) -> None:
        account = AccountFactory()
        pipeline, contact = PipelineFactory(account=account), ContactFactory(account=account)

        def create() -> bool:
            from django.db import transaction

            from workflows.crm.services.locking import lock_contacts

            with transaction.atomic():
                copy = lock_contacts(account_id=account.id, contact_ids=[contact.id])[contact.id]
                draft = opportunities.OpportunityDraft(copy, pipeline.id, "Order", "USD", unless_open=True)
                (answer,) = opportunities.create_opportunities(
                    account_id=account.id, actor=SYSTEM, drafts=[draft], now=NOW
                )
            assert not isinstance(answer, Refused)
            return answer.is_new

        assert sum(together([create] * 10)) == 1
        assert Opportunity.objects.count() == 1
