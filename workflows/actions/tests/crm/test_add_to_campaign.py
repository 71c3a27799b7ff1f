from collections import Counter
from datetime import timedelta

import pytest

from workflows.actions.outcomes import Enroll, Failed, Skipped
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals, run
from workflows.crm.models import CampaignMember, Event
from workflows.crm.tests.factories import CampaignFactory, CampaignMemberFactory, ContactFactory
from workflows.crm.tests.world import count_queries, told
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll_many
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, step_ids

pytestmark = pytest.mark.django_db

NOWHERE = "00000000-0000-4000-8000-000000000001"
WAIT = ("wait_time", {"duration": 1, "unit": "days"})


@pytest.fixture
def virtual_clock():
    with clock.using(VirtualClock(NOW)) as virtual:
        yield virtual


@pytest.fixture
def steps(account):
    """The campaign's workflow."""
    return ActiveWorkflowFactory(account=account, chain=[("add_note", {"content": "Hello"}), WAIT, "add_tag"])


@pytest.fixture
def campaign(account, steps):
    return CampaignFactory(account=account, workflow_id=steps.id, name="Spring")


def lead_in(campaign, contacts, **config):
    """Let contacts come to an `add_to_campaign` step of a workflow of its own; return its results in their order."""
    chain = [("add_to_campaign", {"campaign_id": str(campaign.id), **config})]
    workflow = ActiveWorkflowFactory(account=campaign.account, chain=chain)
    enroll_many(
        account_id=campaign.account_id,
        workflow_id=workflow.id,
        contacts=[contact.id for contact in contacts],
        source="api",
        now=clock.now(),
    )
    advance(seconds=30)
    rows = ActionExecution.objects.filter(workflow_id=workflow.id, action_type="add_to_campaign")
    by_contact = {row.contact_id: row for row in rows}
    return [by_contact[contact.id] for contact in contacts]


class TestAddToCampaign:
    def test_makes_the_contact_a_member_and_enrolls_it(self, account, campaign, steps, virtual_clock):
        contact = ContactFactory(account=account)
        (row,) = lead_in(campaign, [contact])
        member = CampaignMember.objects.get()
        execution = WorkflowExecution.objects.get(workflow=steps)
        assert (member.contact_id, member.campaign_id, member.account_id) == (contact.id, campaign.id, account.id)
        assert (member.joined_at, member.left_at, member.execution_id) == (NOW, None, execution.id)
        assert member.caused_by_id == row.id
        assert (execution.enrollment_source, execution.depth, execution.contact_id) == ("campaign", 1, contact.id)
        assert execution.trigger_data == {"campaign_id": str(campaign.id), "campaign_name": "Spring"}
        assert row.status == "completed"
        assert row.result_data == {
            "campaign_id": str(campaign.id),
            "member_id": str(member.id),
            "execution_id": str(execution.id),
            "restarted": False,
        }

    def test_records_the_event(self, account, campaign, virtual_clock):
        contact = ContactFactory(account=account)
        (row,) = lead_in(campaign, [contact])
        event = Event.objects.get(event_type="campaign_joined")
        assert event.data == {"campaign_id": str(campaign.id), "campaign_name": "Spring"}
        assert (event.contact_id, event.caused_by_id) == (contact.id, row.id)

    def test_starts_at_the_step_that_is_named(self, account, campaign, steps, virtual_clock):
        lead_in(
            campaign,
            [ContactFactory(account=account)],
            start_position="specific_step",
            step_id=str(step_ids(steps)[1]),
        )
        execution = WorkflowExecution.objects.get(workflow=steps)
        log = ActionExecution.objects.filter(workflow_execution=execution)
        assert [row.action_key for row in log] == ["wait_time"]

    def test_passes_members_over(self, account, campaign, steps, virtual_clock):
        contact = ContactFactory(account=account)
        lead_in(campaign, [contact])
        (row,) = lead_in(campaign, [contact])
        assert (row.status, row.result_data["reason"]) == ("skipped", "already_enrolled")
        assert CampaignMember.objects.count() == WorkflowExecution.objects.filter(workflow=steps).count() == 1

    def test_starts_members_anew_when_told_to(self, account, campaign, steps, virtual_clock):
        contact = ContactFactory(account=account)
        lead_in(campaign, [contact])
        old = CampaignMember.objects.get()
        (row,) = lead_in(campaign, [contact], skip_if_enrolled=False)
        old.refresh_from_db()
        old_run = WorkflowExecution.objects.get(id=old.execution_id)
        new = CampaignMember.objects.get(left_at=None)
        assert (old.left_at, old.left_reason) == (NOW, "rejoined")
        assert (old_run.status, old_run.completion_reason) == ("cancelled", "removed_from_campaign")
        assert (row.status, row.result_data["restarted"]) == ("completed", True)
        assert WorkflowExecution.objects.get(id=new.execution_id).status == "waiting"
        assert [name for name, _ in told(contact.id) if name.startswith("campaign")] == [
            "campaign_joined",
            "campaign_left",
            "campaign_joined",
        ]

    @pytest.mark.parametrize(
        "state",
        [
            {"status": "draft"},
            {"status": "paused"},
            {"status": "ended"},
            {"starts_at": NOW + timedelta(seconds=1)},
            {"ends_at": NOW},
        ],
        ids=str,
    )
    def test_lets_nobody_into_a_campaign_that_is_not_open(self, account, campaign, steps, virtual_clock, state):
        type(campaign).objects.filter(id=campaign.id).update(**state)
        (row,) = lead_in(campaign, [ContactFactory(account=account)])
        assert (row.status, row.result_data["reason"]) == ("skipped", "campaign_closed")
        assert not CampaignMember.objects.exists()
        assert not WorkflowExecution.objects.filter(workflow=steps).exists()

    def test_lets_in_as_many_as_there_is_room_for(self, account, campaign, steps, virtual_clock):
        CampaignMemberFactory(campaign=campaign)
        CampaignMemberFactory(campaign=campaign, left_at=NOW, left_reason="removed")
        type(campaign).objects.filter(id=campaign.id).update(enrollment_limit=4)
        rows = lead_in(campaign, ContactFactory.create_batch(5, account=account))
        assert Counter(row.result_data.get("reason", row.status) for row in rows) == {
            "completed": 3,
            "campaign_full": 2,
        }
        assert CampaignMember.objects.filter(left_at=None).count() == 4
        assert WorkflowExecution.objects.filter(workflow=steps).count() == 3

    def test_fails_when_the_campaigns_workflow_is_not_active(self, account, campaign, steps, virtual_clock):
        Workflow.objects.filter(id=steps.id).update(status="paused")
        (row,) = lead_in(campaign, [ContactFactory(account=account)])
        assert (row.status, row.error_class) == ("failed", "invalid_config")
        assert row.error_message == "The campaign's workflow is not active; activate it."
        assert not CampaignMember.objects.exists()

    def test_keeps_a_membership_when_it_cannot_start_anew(self, account, campaign, steps, virtual_clock):
        contact = ContactFactory(account=account)
        lead_in(campaign, [contact])
        Workflow.objects.filter(id=steps.id).update(status="paused")
        (row,) = lead_in(campaign, [contact], skip_if_enrolled=False)
        member = CampaignMember.objects.get()
        assert (row.status, member.left_at) == ("failed", None)
        assert WorkflowExecution.objects.get(id=member.execution_id).status == "waiting"

    def test_fails_when_the_campaign_is_gone(self, account, campaign):
        kind = registry.get("add_to_campaign")
        config = kind.complete_config({"campaign_id": str(campaign.id)})
        campaign.delete()
        (outcome,) = kind.run_many(batch_of([ContactFactory(account=account)], config))
        assert isinstance(outcome, Failed)
        assert (outcome.error_class, outcome.result) == ("invalid_config", {"code": "campaign_not_found"})

    def test_uses_as_many_queries_for_200_contacts_as_for_1(self, account, campaign):
        counts = []
        for size in (1, 200):
            contacts = ContactFactory.create_batch(size, account=account)
            kind = registry.get("add_to_campaign")
            batch = batch_of(contacts, kind.complete_config({"campaign_id": str(campaign.id)}))
            counts.append(count_queries(lambda batch=batch, kind=kind: kind.run_many(batch)))
        assert counts[0] == counts[1]


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"campaign_id": "spring"}, ("invalid", "campaign_id")),
            ({"campaign_id": NOWHERE}, ("campaign_not_found", "campaign_id")),
            ({"start_position": "end"}, ("invalid_choice", "start_position")),
            ({"start_position": "specific_step"}, ("required", "step_id")),
            ({"start_position": "specific_step", "step_id": NOWHERE}, ("step_not_found", "step_id")),
            ({"skip_if_enrolled": "no"}, ("invalid", "skip_if_enrolled")),
        ],
        ids=str,
    )
    def test_refuses(self, account, campaign, config, expected):
        assert refusals("add_to_campaign", {"campaign_id": str(campaign.id), **config}, account.id)[:1] == [expected]

    def test_refuses_a_step_of_another_workflow(self, account, campaign):
        config = {
            "campaign_id": str(campaign.id),
            "start_position": "specific_step",
            "step_id": str(step_ids(ActiveWorkflowFactory(account=account))[0]),
        }
        assert refusals("add_to_campaign", config, account.id) == [("step_not_found", "step_id")]

    def test_refuses_a_step_that_would_not_count(self, account, campaign, steps):
        config = {"campaign_id": str(campaign.id), "step_id": str(step_ids(steps)[0])}
        assert refusals("add_to_campaign", config, account.id) == [("invalid", "step_id")]

    def test_refuses_a_campaign_of_another_account(self, account, other_account):
        config = {"campaign_id": str(CampaignFactory(account=other_account).id)}
        assert refusals("add_to_campaign", config, account.id) == [("campaign_not_found", "campaign_id")]

    def test_starts_a_workflow_again_and_again_only_where_members_start_anew(
        self, account, other_account, campaign, steps
    ):
        kind = registry.get("add_to_campaign")
        config = {"campaign_id": str(campaign.id)}
        anew = {**config, "skip_if_enrolled": False}
        assert kind.started_workflow(config, account_id=account.id) is None
        assert kind.started_workflow(anew, account_id=account.id) == steps.id
        assert kind.started_workflow(anew, account_id=other_account.id) is None

    def test_asks_the_engine_to_enroll(self, account, campaign, steps):
        (outcome,) = run("add_to_campaign", ContactFactory(account=account), {"campaign_id": str(campaign.id)})
        assert isinstance(outcome, Enroll)
        assert not isinstance(outcome, Skipped)
        assert (outcome.workflow_id, outcome.action_id) == (steps.id, None)
