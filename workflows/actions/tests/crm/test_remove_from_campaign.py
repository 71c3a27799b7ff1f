import pytest

from workflows.actions.outcomes import Done, Failed
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals, run
from workflows.actions.tests.crm.test_add_to_campaign import lead_in
from workflows.crm.models import CampaignMember, Event
from workflows.crm.tests.factories import CampaignFactory, CampaignMemberFactory, ContactFactory
from workflows.crm.tests.world import count_queries
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll
from workflows.models import ActionExecution, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory, publish

pytestmark = pytest.mark.django_db

NOWHERE = "00000000-0000-4000-8000-000000000001"
WAIT = ("wait_time", {"duration": 1, "unit": "days"})


@pytest.fixture
def virtual_clock():
    with clock.using(VirtualClock(NOW)) as virtual:
        yield virtual


def remove(campaign, contact):
    """Let the contact come to a `remove_from_campaign` step; return the step's log row."""
    config = {"campaign_id": str(campaign.id), "reason": "Bought already"}
    workflow = ActiveWorkflowFactory(account=campaign.account, chain=[("remove_from_campaign", config)])
    enroll(
        account_id=campaign.account_id, workflow_id=workflow.id, contact_id=contact.id, source="api", now=clock.now()
    )
    advance(seconds=30)
    return ActionExecution.objects.get(workflow_id=workflow.id)


class TestRemoveFromCampaign:
    def test_ends_the_membership_and_what_its_run_had_still_to_do(self, account, virtual_clock):
        steps = ActiveWorkflowFactory(account=account, chain=[WAIT, "add_tag"])
        campaign = CampaignFactory(account=account, workflow_id=steps.id)
        contact, other = ContactFactory.create_batch(2, account=account)
        lead_in(campaign, [contact, other])

        row = remove(campaign, contact)

        member = CampaignMember.objects.get(contact=contact)
        execution = WorkflowExecution.objects.get(id=member.execution_id)
        wait = ActionExecution.objects.get(workflow_execution=execution)
        assert (member.left_at, member.left_reason, member.note) == (NOW, "removed", "Bought already")
        assert (execution.status, execution.completion_reason) == ("cancelled", "removed_from_campaign")
        assert (wait.status, wait.result_data["reason"]) == ("skipped", "cancelled")
        assert row.result_data == {
            "campaign_id": str(campaign.id),
            "changed": True,
            "cancelled": 1,
            "reason": "Bought already",
        }
        event = Event.objects.get(event_type="campaign_left")
        assert (event.data["reason"], event.data["note"], event.caused_by_id) == ("removed", "Bought already", row.id)
        neighbour = CampaignMember.objects.get(contact=other)
        assert (neighbour.left_at, WorkflowExecution.objects.get(id=neighbour.execution_id).status) == (None, "waiting")

    def test_ends_its_own_run_within_the_campaigns_workflow(self, account, virtual_clock):
        campaign = CampaignFactory(account=account)
        config = {"campaign_id": str(campaign.id)}
        steps = WorkflowFactory(account=account, chain=[("remove_from_campaign", config), "add_tag"])
        publish(steps)
        type(campaign).objects.filter(id=campaign.id).update(workflow_id=steps.id)
        lead_in(campaign, [ContactFactory(account=account)])

        execution = WorkflowExecution.objects.get(workflow=steps)
        assert (execution.status, execution.completion_reason) == ("cancelled", "removed_from_campaign")
        log = ActionExecution.objects.filter(workflow_execution=execution)
        assert [(row.action_key, row.status) for row in log] == [("remove_from_campaign", "completed")]
        assert CampaignMember.objects.get().left_reason == "removed"

    def test_leaves_another_run_of_the_same_workflow_alone(self, account, virtual_clock):
        steps = ActiveWorkflowFactory(account=account, chain=[WAIT], reentry="multiple")
        campaign = CampaignFactory(account=account, workflow_id=steps.id)
        contact = ContactFactory(account=account)
        lead_in(campaign, [contact])
        other = enroll(
            account_id=account.id, workflow_id=steps.id, contact_id=contact.id, source="api", now=clock.now()
        )
        remove(campaign, contact)
        other.refresh_from_db()
        assert other.status == "waiting"

    def test_changes_nothing_for_who_is_no_member(self, account):
        campaign = CampaignFactory(account=account)
        left = CampaignMemberFactory(campaign=campaign, left_at=NOW, left_reason="removed")
        (outcome,) = run("remove_from_campaign", left.contact, {"campaign_id": str(campaign.id)})
        assert isinstance(outcome, Done)
        assert outcome.result == {"campaign_id": str(campaign.id), "changed": False, "cancelled": 0}
        assert not Event.objects.exists()

    def test_fails_when_the_campaign_is_gone(self, account):
        campaign = CampaignFactory(account=account)
        kind = registry.get("remove_from_campaign")
        config = kind.complete_config({"campaign_id": str(campaign.id)})
        campaign.delete()
        (outcome,) = kind.run_many(batch_of([ContactFactory(account=account)], config))
        assert isinstance(outcome, Failed)
        assert (outcome.error_class, outcome.result) == ("invalid_config", {"code": "campaign_not_found"})

    def test_uses_as_many_queries_for_200_contacts_as_for_1(self, account):
        campaign = CampaignFactory(account=account)
        counts = []
        for size in (1, 200):
            contacts = ContactFactory.create_batch(size, account=account)
            for contact in contacts:
                CampaignMemberFactory(campaign=campaign, contact=contact)
            kind = registry.get("remove_from_campaign")
            batch = batch_of(contacts, kind.complete_config({"campaign_id": str(campaign.id)}))
            counts.append(count_queries(lambda batch=batch, kind=kind: kind.run_many(batch)))
        assert counts[0] == counts[1]


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"campaign_id": 7}, ("invalid", "campaign_id")),
            ({"campaign_id": NOWHERE}, ("campaign_not_found", "campaign_id")),
            ({"reason": "x" * 501}, ("max_length", "reason")),
            ({"reason": 7}, ("invalid", "reason")),
        ],
        ids=str,
    )
    def test_refuses(self, account, config, expected):
        campaign = CampaignFactory(account=account)
        complete = {"campaign_id": str(campaign.id), **config}
        assert refusals("remove_from_campaign", complete, account.id)[:1] == [expected]

    def test_refuses_a_campaign_of_another_account(self, account, other_account):
        config = {"campaign_id": str(CampaignFactory(account=other_account).id)}
        assert refusals("remove_from_campaign", config, account.id) == [("campaign_not_found", "campaign_id")]
