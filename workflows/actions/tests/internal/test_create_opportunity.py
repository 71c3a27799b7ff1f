from decimal import Decimal
from uuid import UUID

import pytest

from accounts.tests.factories import MembershipFactory
from workflows.actions.outcomes import Failed
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals, run
from workflows.crm.models import Event, Opportunity, StageEntry
from workflows.crm.tests.factories import ContactFactory, OpportunityFactory, PipelineFactory, StageFactory
from workflows.crm.tests.world import count_queries

pytestmark = pytest.mark.django_db

UNKNOWN = "0199c0de-0000-7000-8000-00000000dead"


@pytest.fixture
def pipeline(account):
    return PipelineFactory(account=account, name="Sales")


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, first_name="Ada", last_name="Lovelace")


def config_of(pipeline, **more):
    return {"pipeline_id": str(pipeline.id), "name": "Order of {{ contact.first_name }}", **more}


class TestCreateOpportunity:
    def test_creates_one_at_the_first_stage(self, pipeline, contact):
        (outcome,) = run("create_opportunity", contact, config_of(pipeline))
        made = Opportunity.objects.get()
        assert outcome.result == {
            "opportunity_id": str(made.id),
            "stage_id": str(made.stage_id),
            "created": True,
        }
        assert outcome.data == {"name": "Order of Ada", "value": 0.0, "currency": "USD"}
        assert (made.name, made.value, made.currency, made.status) == ("Order of Ada", 0, "USD", "open")
        assert (made.contact_id, made.pipeline_id, made.stage.name) == (contact.id, pipeline.id, "New")
        assert (made.stage_entered_at, made.closed_at, made.owner_id) == (NOW, None, None)

    def test_takes_every_option(self, account, pipeline):
        owner = MembershipFactory(account=account).user
        contact = ContactFactory(account=account, owner=owner, source="99.95")
        proposal = pipeline.stages.get(name="Proposal")
        config = config_of(
            pipeline,
            stage_id=str(proposal.id),
            value="{{ contact.source | times: 2 }}",
            currency="eur",
            duplicate_policy="allow",
        )
        run("create_opportunity", contact, config)
        made = Opportunity.objects.get()
        assert (made.stage_id, made.value, made.currency) == (proposal.id, Decimal("199.900"), "EUR")
        assert made.owner_id == owner.id

    def test_records_event_and_history_with_their_cause(self, pipeline, contact):
        run("create_opportunity", contact, config_of(pipeline, value=12.5))
        event, entry, made = Event.objects.get(), StageEntry.objects.get(), Opportunity.objects.get()
        assert (event.event_type, event.contact_id, event.depth) == ("deal_created", contact.id, 3)
        assert event.data == {
            "opportunity_id": str(made.id),
            "name": "Order of Ada",
            "pipeline_id": str(pipeline.id),
            "pipeline_name": "Sales",
            "stage_id": str(made.stage_id),
            "stage_name": "New",
            "previous_stage_id": None,
            "previous_stage_name": None,
            "status": "open",
            "value": 12.5,
            "currency": "USD",
        }
        assert (entry.opportunity_id, entry.stage_name, entry.status, entry.entered_at) == (
            made.id,
            "New",
            "open",
            NOW,
        )
        assert entry.actor_label == "Workflow Welcome"
        assert event.caused_by_id == entry.caused_by_id == made.caused_by_id is not None

    def test_closes_at_once_what_begins_at_a_terminal_stage(self, pipeline, contact):
        won = pipeline.stages.get(kind="won")
        run("create_opportunity", contact, config_of(pipeline, stage_id=str(won.id)))
        made = Opportunity.objects.get()
        assert (made.status, made.closed_at) == ("won", NOW)
        assert list(Event.objects.order_by("sequence").values_list("event_type", flat=True)) == [
            "deal_created",
            "deal_won",
        ]

    def test_keeps_an_open_one(self, pipeline, contact):
        there = OpportunityFactory(contact=contact, pipeline=pipeline, stage=pipeline.stages.get(name="Proposal"))
        (outcome,) = run("create_opportunity", contact, config_of(pipeline))
        assert outcome.result == {
            "opportunity_id": str(there.id),
            "stage_id": str(there.stage_id),
            "created": False,
        }
        assert Opportunity.objects.get() == there
        assert not Event.objects.exists()

    def test_does_not_count_closed_ones_and_other_pipelines(self, account, pipeline, contact):
        OpportunityFactory(contact=contact, pipeline=pipeline, stage=pipeline.stages.get(kind="lost"))
        OpportunityFactory(contact=contact, pipeline=PipelineFactory(account=account))
        (outcome,) = run("create_opportunity", contact, config_of(pipeline))
        assert outcome.result["created"] is True
        assert Opportunity.objects.count() == 3

    def test_creates_one_for_two_executions_of_a_contact(self, pipeline, contact):
        outcomes = run("create_opportunity", [contact, contact], config_of(pipeline))
        assert [outcome.result["created"] for outcome in outcomes] == [True, False]
        assert outcomes[0].result["opportunity_id"] == outcomes[1].result["opportunity_id"]

    def test_creates_another_where_that_is_allowed(self, pipeline, contact):
        run("create_opportunity", [contact, contact], config_of(pipeline, duplicate_policy="allow"))
        assert Opportunity.objects.count() == 2

    def test_belongs_to_nobody_when_the_owner_left(self, account, pipeline):
        owner = MembershipFactory(account=account, is_active=False).user
        run("create_opportunity", ContactFactory(account=account, owner=owner), config_of(pipeline))
        assert Opportunity.objects.get().owner_id is None

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("much", "value: Give a number, such as 1200 or 99.90."),
            ("-1", "value: Give a number of at least 0."),
            ("NaN", "value: Give a number, such as 1200 or 99.90."),
            ("1e400", "value: Give a number of at most 999999999999.999, with at most 3 decimal places."),
        ],
    )
    def test_fails_only_the_contact_whose_value_is_none(self, account, pipeline, contact, source, message):
        strange = ContactFactory(account=account, source=source)
        outcomes = run("create_opportunity", [strange, contact], config_of(pipeline, value="{{ contact.source }}"))
        assert outcomes[0] == Failed("rejected", message)
        assert Opportunity.objects.get().contact_id == contact.id

    def test_fails_when_the_stage_was_deleted_since(self, account, pipeline, contact):
        kind = registry.get("create_opportunity")
        config = kind.complete_config(config_of(pipeline, stage_id=UNKNOWN))
        (outcome,) = kind.run_many(batch_of([contact], config))
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"
        assert not Opportunity.objects.exists()

    def test_uses_as_many_queries_for_200_contacts_as_for_one(self, account, pipeline):
        kind = registry.get("create_opportunity")
        complete = kind.complete_config(config_of(pipeline))
        counts = []
        for size in (1, 200):
            batch = batch_of(ContactFactory.create_batch(size, account=account), complete)
            counts.append(count_queries(lambda batch=batch: kind.run_many(batch)))
        assert counts[0] == counts[1] <= 6


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"pipeline_id": None}, ("null", "pipeline_id")),
            ({"pipeline_id": "x"}, ("invalid", "pipeline_id")),
            ({"pipeline_id": UNKNOWN}, ("pipeline_not_found", "pipeline_id")),
            ({"stage_id": UNKNOWN}, ("stage_not_found", "stage_id")),
            ({"name": ""}, ("blank", "name")),
            ({"name": "x" * 201}, ("max_length", "name")),
            ({"name": "{{ contact"}, ("invalid_template", "name")),
            ({"value": -1}, ("invalid", "value")),
            ({"value": "-1"}, ("invalid", "value")),
            ({"value": 1.0001}, ("invalid", "value")),
            ({"value": 10**13}, ("invalid", "value")),
            ({"value": True}, ("invalid", "value")),
            ({"value": "a lot"}, ("invalid", "value")),
            ({"value": "{{ nobody }}"}, ("invalid_template", "value")),
            ({"currency": "XXX"}, ("invalid", "currency")),
            ({"currency": "EURO"}, ("invalid", "currency")),
            ({"duplicate_policy": "skip"}, ("invalid_choice", "duplicate_policy")),
            ({"amount": 1}, ("unknown_field", "amount")),
        ],
    )
    def test_refuses(self, account, pipeline, changes, expected):
        assert refusals("create_opportunity", config_of(pipeline) | changes, account.id) == [expected]

    def test_needs_pipeline_and_name(self, account):
        assert refusals("create_opportunity", {}, account.id) == [("required", "pipeline_id"), ("required", "name")]

    def test_refuses_a_stage_of_another_pipeline(self, account, pipeline):
        other = StageFactory(pipeline=PipelineFactory(account=account))
        config = config_of(pipeline, stage_id=str(other.id))
        assert refusals("create_opportunity", config, account.id) == [("stage_not_found", "stage_id")]

    def test_refuses_what_is_another_accounts(self, account, other_account, pipeline):
        foreign = PipelineFactory(account=other_account)
        config = config_of(foreign, stage_id=str(foreign.stages.first().id))
        assert refusals("create_opportunity", config, account.id) == [
            ("pipeline_not_found", "pipeline_id"),
            ("stage_not_found", "stage_id"),
        ]

    def test_keeps_a_value_as_it_was_given(self, account, pipeline):
        kind = registry.get("create_opportunity")
        for value in (1200, 99.9, "1200", "{{ trigger.total }}"):
            config = config_of(pipeline, value=value)
            assert kind.clean_config(config, account_id=account.id) == config

    def test_tells_what_it_refers_to(self, account, pipeline):
        stage = pipeline.stages.first()
        config = config_of(pipeline, stage_id=str(stage.id))
        assert registry.get("create_opportunity").references(config) == [
            ("pipeline", UUID(config["pipeline_id"]), "pipeline_id"),
            ("stage", stage.id, "stage_id"),
        ]
