from datetime import timedelta

import pytest

from accounts.tests.factories import MembershipFactory
from workflows.actions.outcomes import Failed, Skipped
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals, run
from workflows.crm.models import Event, Opportunity, StageEntry
from workflows.crm.tests.factories import ContactFactory, OpportunityFactory, PipelineFactory
from workflows.crm.tests.world import count_queries

pytestmark = pytest.mark.django_db

UNKNOWN = "0199c0de-0000-7000-8000-00000000dead"

NONE_THERE = "The contact has no such opportunity."


@pytest.fixture
def pipeline(account):
    return PipelineFactory(account=account, name="Sales")


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, first_name="Ada", last_name="Lovelace")


def stage(pipeline, name):
    return pipeline.stages.get(name=name)


def config_of(pipeline, name="Proposal", **more):
    return {"pipeline_id": str(pipeline.id), "stage_id": str(stage(pipeline, name).id), **more}


def told():
    return list(Event.objects.order_by("sequence").values_list("event_type", flat=True))


class TestMovePipelineStage:
    def test_moves_the_opportunity(self, pipeline, contact):
        deal = OpportunityFactory(contact=contact, pipeline=pipeline, stage_entered_at=NOW - timedelta(days=9))
        (outcome,) = run("move_pipeline_stage", contact, config_of(pipeline))
        new, proposal = stage(pipeline, "New"), stage(pipeline, "Proposal")
        assert outcome.result == {
            "opportunity_id": str(deal.id),
            "stage_id": str(proposal.id),
            "previous_stage_id": str(new.id),
            "status": "open",
            "created": False,
            "changed": True,
        }
        deal.refresh_from_db()
        assert (deal.stage_id, deal.status, deal.stage_entered_at) == (proposal.id, "open", NOW)
        event, entry = Event.objects.get(), StageEntry.objects.get()
        assert (event.event_type, event.depth, event.contact_id) == ("stage_changed", 3, contact.id)
        assert (event.data["stage_id"], event.data["previous_stage_name"]) == (str(proposal.id), "New")
        assert (entry.stage_name, entry.entered_at, entry.caused_by_id) == ("Proposal", NOW, event.caused_by_id)

    @pytest.mark.parametrize(("name", "status"), [("Won", "won"), ("Lost", "lost")])
    def test_closes_it_at_a_terminal_stage(self, pipeline, contact, name, status):
        deal = OpportunityFactory(contact=contact, pipeline=pipeline)
        run("move_pipeline_stage", contact, config_of(pipeline, name))
        deal.refresh_from_db()
        assert (deal.status, deal.closed_at) == (status, NOW)
        assert told() == ["stage_changed", f"deal_{status}"]

    def test_opens_it_again_at_an_open_one(self, pipeline, contact):
        deal = OpportunityFactory(contact=contact, pipeline=pipeline, stage=stage(pipeline, "Lost"), closed_at=NOW)
        run("move_pipeline_stage", contact, config_of(pipeline))
        deal.refresh_from_db()
        assert (deal.status, deal.closed_at) == ("open", None)
        assert told() == ["stage_changed"]

    def test_changes_nothing_of_one_that_is_there(self, pipeline, contact):
        deal = OpportunityFactory(contact=contact, pipeline=pipeline, stage=stage(pipeline, "Proposal"))
        (outcome,) = run("move_pipeline_stage", contact, config_of(pipeline))
        assert outcome.result["changed"] is False
        assert not Event.objects.exists()
        assert not StageEntry.objects.exists()
        assert Opportunity.objects.get().updated_at == deal.updated_at

    def test_leaves_one_won_by_hand_at_its_stage(self, pipeline, contact):
        OpportunityFactory(contact=contact, pipeline=pipeline, stage=stage(pipeline, "Proposal"), status="won")
        (outcome,) = run("move_pipeline_stage", contact, config_of(pipeline))
        assert (outcome.result["changed"], outcome.result["status"]) == (False, "won")

    @pytest.mark.parametrize(("selector", "moved"), [("first", 0), ("latest", 1), (None, 1)])
    def test_chooses_among_the_open_ones(self, pipeline, contact, selector, moved):
        deals = [OpportunityFactory(contact=contact, pipeline=pipeline) for _ in range(2)]
        for name in ("Won", "Lost"):
            OpportunityFactory(contact=contact, pipeline=pipeline, stage=stage(pipeline, name))
        options = {"opportunity_selector": selector} if selector else {}
        (outcome,) = run("move_pipeline_stage", contact, config_of(pipeline, **options))
        assert outcome.result["opportunity_id"] == str(deals[moved].id)

    def test_takes_a_specific_one_also_of_another_pipeline(self, account, pipeline, contact):
        deal = OpportunityFactory(contact=contact, pipeline=PipelineFactory(account=account))
        OpportunityFactory(contact=contact, pipeline=pipeline)
        config = config_of(pipeline, opportunity_selector="specific", opportunity_id=str(deal.id), allow_backward=False)
        run("move_pipeline_stage", contact, config)
        deal.refresh_from_db()
        assert (deal.pipeline_id, deal.stage.name) == (pipeline.id, "Proposal")

    def test_renders_which_one_is_meant(self, pipeline, contact):
        deal, _ = (OpportunityFactory(contact=contact, pipeline=pipeline) for _ in range(2))
        config = config_of(
            pipeline, opportunity_selector="specific", opportunity_id="{{ steps.create_opportunity.opportunity_id }}"
        )
        results = {"create_opportunity": {"opportunity_id": str(deal.id)}}
        (outcome,) = run("move_pipeline_stage", contact, config, results=results)
        assert outcome.result["opportunity_id"] == str(deal.id)

    @pytest.mark.parametrize("rendered", ["", "nonsense", UNKNOWN])
    def test_counts_a_rendered_id_of_nothing_as_none(self, pipeline, contact, rendered):
        config = config_of(pipeline, opportunity_selector="specific", opportunity_id="{{ trigger.deal }}")
        outcomes = run("move_pipeline_stage", contact, config, trigger={"deal": rendered})
        assert outcomes == [Skipped(NONE_THERE)]

    def test_counts_another_contacts_one_as_none(self, account, pipeline, contact):
        deal = OpportunityFactory(contact=ContactFactory(account=account), pipeline=pipeline)
        config = config_of(pipeline, opportunity_selector="specific", opportunity_id=str(deal.id))
        assert run("move_pipeline_stage", contact, config) == [Skipped(NONE_THERE)]
        deal.refresh_from_db()
        assert deal.stage.name == "New"

    def test_does_not_move_backward_where_that_is_not_allowed(self, account, pipeline, contact):
        back = OpportunityFactory(contact=contact, pipeline=pipeline, stage=stage(pipeline, "Won"))
        other = ContactFactory(account=account)
        forward = OpportunityFactory(contact=other, pipeline=pipeline)
        outcomes = run("move_pipeline_stage", [contact, other], config_of(pipeline, allow_backward=False))
        assert isinstance(outcomes[0], Skipped)
        assert outcomes[0].reason == "The opportunity is further on already; moving backward is not allowed."
        assert outcomes[0].result["opportunity_id"] == str(back.id)
        assert outcomes[1].result["changed"] is True
        back.refresh_from_db()
        forward.refresh_from_db()
        assert (back.stage.name, forward.stage.name) == ("Won", "Proposal")

    def test_without_one_skips_fails_or_creates(self, account, pipeline):
        owner = MembershipFactory(account=account).user
        contact = ContactFactory(account=account, first_name="Ada", last_name="Lovelace", owner=owner)
        assert run("move_pipeline_stage", contact, config_of(pipeline)) == [Skipped(NONE_THERE)]
        assert run("move_pipeline_stage", contact, config_of(pipeline, if_none="fail")) == [
            Failed("rejected", NONE_THERE)
        ]
        assert not Opportunity.objects.exists()
        (outcome,) = run("move_pipeline_stage", contact, config_of(pipeline, if_none="create"))
        made = Opportunity.objects.get()
        assert (made.name, made.stage.name, made.currency, made.owner_id) == (
            "Ada Lovelace",
            "Proposal",
            "USD",
            owner.id,
        )
        assert (outcome.result["created"], outcome.result["previous_stage_id"]) == (True, None)
        assert told() == ["deal_created"]

    def test_creates_one_for_two_executions_of_a_contact(self, pipeline, contact):
        outcomes = run("move_pipeline_stage", [contact, contact], config_of(pipeline, if_none="create"))
        assert [outcome.result["created"] for outcome in outcomes] == [True, False]
        assert Opportunity.objects.count() == 1

    def test_fails_when_the_stage_was_deleted_since(self, pipeline, contact):
        deal = OpportunityFactory(contact=contact, pipeline=pipeline)
        kind = registry.get("move_pipeline_stage")
        config = kind.complete_config({"pipeline_id": str(pipeline.id), "stage_id": UNKNOWN})
        (outcome,) = kind.run_many(batch_of([contact], config))
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"
        deal.refresh_from_db()
        assert deal.stage.name == "New"

    @pytest.mark.parametrize("has_deal", [True, False])
    @pytest.mark.parametrize("selector", ["latest", "specific"])
    def test_uses_as_many_queries_for_200_contacts_as_for_one(self, account, pipeline, has_deal, selector):
        kind = registry.get("move_pipeline_stage")
        options = {"if_none": "create", "opportunity_selector": selector}
        if selector == "specific":
            options["opportunity_id"] = "{{ contact.source }}"
        complete = kind.complete_config(config_of(pipeline, **options))
        counts = []
        for size in (1, 200):
            contacts = ContactFactory.create_batch(size, account=account)
            for contact in contacts if has_deal else ():
                contact.source = str(OpportunityFactory(contact=contact, pipeline=pipeline).id)
                contact.save(update_fields=["source"])
            batch = batch_of(contacts, complete)
            counts.append(count_queries(lambda batch=batch: kind.run_many(batch)))
        assert counts[0] == counts[1]


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"pipeline_id": UNKNOWN}, ("pipeline_not_found", "pipeline_id")),
            ({"stage_id": None}, ("null", "stage_id")),
            ({"stage_id": "won"}, ("invalid", "stage_id")),
            ({"opportunity_selector": "any"}, ("invalid_choice", "opportunity_selector")),
            ({"opportunity_selector": "specific"}, ("required", "opportunity_id")),
            ({"opportunity_id": UNKNOWN}, ("invalid", "opportunity_id")),
            ({"opportunity_selector": "specific", "opportunity_id": "x"}, ("invalid", "opportunity_id")),
            (
                {"opportunity_selector": "specific", "opportunity_id": UNKNOWN},
                ("opportunity_not_found", "opportunity_id"),
            ),
            ({"allow_backward": "yes"}, ("invalid", "allow_backward")),
            ({"if_none": "ignore"}, ("invalid_choice", "if_none")),
            ({"stage": "x"}, ("unknown_field", "stage")),
        ],
    )
    def test_refuses(self, account, pipeline, changes, expected):
        assert refusals("move_pipeline_stage", config_of(pipeline) | changes, account.id)[0] == expected

    def test_refuses_a_stage_of_another_pipeline(self, account, pipeline):
        config = config_of(pipeline) | {"stage_id": str(PipelineFactory(account=account).stages.first().id)}
        assert refusals("move_pipeline_stage", config, account.id) == [("stage_not_found", "stage_id")]

    def test_refuses_another_accounts_opportunity(self, pipeline, account, other_account):
        foreign = OpportunityFactory(contact=ContactFactory(account=other_account))
        config = config_of(pipeline, opportunity_selector="specific", opportunity_id=str(foreign.id))
        assert refusals("move_pipeline_stage", config, account.id) == [("opportunity_not_found", "opportunity_id")]
