"""Joining campaigns, leaving them, and their ends."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from workflows.crm.models import Campaign, CampaignMember, Event
from workflows.crm.services.campaigns import change_campaign, create_campaign, delete_campaign
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.tests.factories import CampaignFactory, CampaignMemberFactory, ContactFactory
from workflows.engine.campaigns import close_campaigns, join_campaign, leave_campaign
from workflows.engine.clock import VirtualClock
from workflows.engine.pulse import due_ticks
from workflows.engine.tests.conftest import START
from workflows.engine.tests.leading import advance_all
from workflows.engine.ticks import close_campaigns_tick
from workflows.engine.wake import Tick
from workflows.models import Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory, step_ids

pytestmark = pytest.mark.django_db

REST = ("rest", {"minutes": 60})


def campaign_of(**fields: Any) -> Campaign:
    steps = ActiveWorkflowFactory(chain=[("sign", {}), REST])
    made: Campaign = CampaignFactory(account=steps.account, workflow_id=steps.id, **fields)
    return made


def join(campaign: Campaign, contact: Any = None, **options: Any) -> CampaignMember:
    return join_campaign(
        account_id=campaign.account_id,
        actor=SYSTEM,
        campaign_id=campaign.id,
        contact_id=(contact or ContactFactory(account=campaign.account)).id,
        now=options.pop("now", START),
        **options,
    )


def change(campaign: Campaign, **values: Any) -> Campaign:
    return change_campaign(
        account_id=campaign.account_id, actor=SYSTEM, campaign_id=campaign.id, values=values, now=START
    )


class TestJoining:
    def test_enrolls_the_contact_and_is_audited(self) -> None:
        campaign = campaign_of()
        member = join(campaign)
        execution = WorkflowExecution.objects.get()
        assert (member.execution_id, member.contact_id) == (execution.id, execution.contact_id)
        assert (execution.enrollment_source, execution.workflow_id) == ("campaign", campaign.workflow_id)
        entry = AuditEntry.objects.get(verb="campaign.joined")
        assert (entry.object_id, entry.after) == (campaign.id, {"contact_id": str(member.contact_id)})

    def test_starts_at_a_step(self) -> None:
        campaign = campaign_of()
        step_id = step_ids(Workflow.objects.get())[1]
        join(campaign, step_id=step_id)
        assert WorkflowExecution.objects.get().current_action_id == step_id

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"status": "draft"}, "campaign_closed"),
            ({"status": "paused"}, "campaign_closed"),
            ({"status": "ended"}, "campaign_closed"),
            ({"starts_at": START + timedelta(seconds=1)}, "campaign_closed"),
            ({"ends_at": START}, "campaign_closed"),
            ({"enrollment_limit": 1}, "campaign_full"),
        ],
        ids=str,
    )
    def test_is_refused(self, fields: dict[str, Any], code: str) -> None:
        campaign = campaign_of(**fields)
        CampaignMemberFactory(campaign=campaign)
        with pytest.raises(Conflict) as refusal:
            join(campaign)
        assert refusal.value.problem.code == code
        assert not WorkflowExecution.objects.exists()
        assert CampaignMember.objects.count() == 1

    def test_twice_is_refused(self) -> None:
        campaign = campaign_of()
        contact = ContactFactory(account=campaign.account)
        join(campaign, contact)
        with pytest.raises(Conflict) as refusal:
            join(campaign, contact)
        assert refusal.value.problem.code == "already_enrolled"
        assert CampaignMember.objects.count() == 1

    def test_knows_no_foreign_or_deleted_contact_step_or_campaign(self) -> None:
        campaign = campaign_of()
        deleted = ContactFactory(account=campaign.account, deleted_at=START)
        for contact in (ContactFactory(), deleted):
            with pytest.raises(Invalid) as refusal:
                join(campaign, contact)
            assert refusal.value.problems[0].code == "contact_not_found"
        with pytest.raises(Invalid) as refusal:
            join(campaign, step_id=step_ids(ActiveWorkflowFactory(account=campaign.account))[0])
        assert refusal.value.problems[0].code == "step_not_found"
        with pytest.raises(Missing):
            join_campaign(
                account_id=ContactFactory().account_id,
                actor=SYSTEM,
                campaign_id=campaign.id,
                contact_id=deleted.id,
                now=START,
            )
        assert not CampaignMember.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_never_exceeds_the_limit(self) -> None:
        campaign = campaign_of(enrollment_limit=7)
        contacts = ContactFactory.create_batch(50, account=campaign.account)
        refusals: list[str] = []
        barrier = Barrier(10)

        def join_five(share: list[Any]) -> None:
            barrier.wait(timeout=30)
            for contact in share:
                try:
                    join(campaign, contact)
                except Conflict as refusal:
                    refusals.append(refusal.problem.code)
            connection.close()

        threads = [Thread(target=join_five, args=[contacts[start::10]]) for start in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert refusals == ["campaign_full"] * 43
        assert CampaignMember.objects.filter(left_at=None).count() == 7
        assert WorkflowExecution.objects.count() == 7


class TestLeaving:
    def test_ends_the_membership_and_its_run(self, virtual_clock: VirtualClock) -> None:
        campaign = campaign_of()
        member = join(campaign)
        advance_all()
        left = leave_campaign(
            account_id=campaign.account_id,
            actor=SYSTEM,
            campaign_id=campaign.id,
            member_id=member.id,
            note="Asked to",
            now=START,
        )
        execution = WorkflowExecution.objects.get()
        assert (left.left_at, left.left_reason, left.note) == (START, "removed", "Asked to")
        assert (execution.status, execution.completion_reason) == ("cancelled", "removed_from_campaign")
        assert AuditEntry.objects.get(verb="campaign.left").after["note"] == "Asked to"

    def test_twice_happens_once(self) -> None:
        campaign = campaign_of()
        member = join(campaign)
        for _ in range(2):
            leave_campaign(
                account_id=campaign.account_id,
                actor=SYSTEM,
                campaign_id=campaign.id,
                member_id=member.id,
                now=START,
            )
        assert Event.objects.filter(event_type="campaign_left").count() == 1
        assert AuditEntry.objects.filter(verb="campaign.left").count() == 1

    def test_is_for_members_of_the_own_account(self) -> None:
        member = CampaignMemberFactory(campaign=campaign_of())
        with pytest.raises(Missing):
            leave_campaign(
                account_id=ContactFactory().account_id,
                actor=SYSTEM,
                campaign_id=member.campaign_id,
                member_id=member.id,
                now=START,
            )
        member.refresh_from_db()
        assert member.left_at is None

    def test_happens_when_the_contact_is_deleted(self) -> None:
        campaign = campaign_of()
        member = join(campaign)
        delete_contacts(account_id=campaign.account_id, actor=SYSTEM, contact_ids=[member.contact_id], now=START)
        member.refresh_from_db()
        assert (member.left_at, member.left_reason) == (START, "contact_deleted")


class TestEnding:
    def test_closes_memberships_and_stops_joins_when_the_time_is_over(self, virtual_clock: VirtualClock) -> None:
        campaign = campaign_of(ends_at=START + timedelta(hours=1))
        member = join(campaign)
        advance_all()
        assert close_campaigns(now=START) == 0
        assert Tick.CLOSE_CAMPAIGNS not in due_ticks()

        virtual_clock.advance(minutes=59, days=3)
        virtual_clock.advance(minutes=1)
        assert Tick.CLOSE_CAMPAIGNS in due_ticks()
        close_campaigns_tick()

        campaign.refresh_from_db()
        member.refresh_from_db()
        assert (campaign.status, campaign.closes_at) == ("ended", None)
        assert (member.left_at, member.left_reason) == (virtual_clock.now(), "campaign_ended")
        assert WorkflowExecution.objects.get().completion_reason == "removed_from_campaign"
        assert Event.objects.filter(event_type="campaign_left").count() == 1
        assert Tick.CLOSE_CAMPAIGNS not in due_ticks()
        with pytest.raises(Conflict):
            join(campaign, now=virtual_clock.now())
        assert close_campaigns(now=virtual_clock.now()) == 0

    def test_by_hand_closes_memberships_by_a_tick(self, virtual_clock: VirtualClock) -> None:
        campaign = campaign_of()
        join(campaign)
        change(campaign, status="ended")
        assert CampaignMember.objects.filter(left_at=None).count() == 1
        assert Tick.CLOSE_CAMPAIGNS in due_ticks()
        assert close_campaigns(now=START) == 1
        assert not CampaignMember.objects.filter(left_at=None).exists()

    def test_goes_on_where_a_worker_stopped(self, virtual_clock: VirtualClock) -> None:
        campaign = campaign_of()
        CampaignMemberFactory.create_batch(3, campaign=campaign)
        change(campaign, status="ended")
        answers = iter([False, True, True, True])
        assert close_campaigns(now=START, is_stopping=lambda: next(answers)) == 0
        assert Tick.CLOSE_CAMPAIGNS in due_ticks()
        assert close_campaigns(now=START) == 3

    def test_leaves_other_campaigns_alone(self, virtual_clock: VirtualClock) -> None:
        ended, other = campaign_of(ends_at=START), campaign_of()
        CampaignMemberFactory(campaign=ended)
        member = CampaignMemberFactory(campaign=other)
        assert close_campaigns(now=START) == 1
        member.refresh_from_db()
        assert member.left_at is None

    def test_spares_a_campaign_that_was_opened_again(self, virtual_clock: VirtualClock) -> None:
        campaign = campaign_of()
        member = CampaignMemberFactory(campaign=campaign)
        change(campaign, status="ended")
        change(campaign, status="active")
        assert close_campaigns(now=START) == 0
        member.refresh_from_db()
        assert member.left_at is None

    @pytest.mark.django_db(transaction=True)
    def test_happens_once_with_several_workers(self) -> None:
        campaign = campaign_of()
        for _ in range(40):
            join(campaign)
        change(campaign, status="ended")
        counts: list[int] = []
        barrier = Barrier(4)

        def work() -> None:
            barrier.wait(timeout=30)
            counts.append(close_campaigns(now=START))
            connection.close()

        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sum(counts) == 40
        assert Event.objects.filter(event_type="campaign_left").count() == 40
        assert WorkflowExecution.objects.filter(status="cancelled").count() == 40


class TestCampaigns:
    def test_are_audited_with_what_changed(self) -> None:
        workflow = WorkflowFactory()
        campaign = create_campaign(
            account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id, name=" Spring ", status="active"
        )
        change(campaign, name="Summer", status="active")
        assert campaign.name == "Spring"
        entry = AuditEntry.objects.get(verb="campaign.changed")
        assert (entry.before, entry.after) == ({"name": "Spring"}, {"name": "Summer"})

    def test_have_names_of_their_own_in_the_account(self) -> None:
        campaign = campaign_of(name="Spring")
        CampaignFactory(name="Spring")
        with pytest.raises(Conflict) as refusal:
            create_campaign(account_id=campaign.account_id, actor=SYSTEM, workflow_id=uuid7(), name="Spring")
        assert refusal.value.problem.code == "name_taken"

    def test_end_after_they_start(self) -> None:
        campaign = campaign_of(starts_at=START)
        with pytest.raises(Invalid):
            change(campaign, ends_at=START)
        campaign.refresh_from_db()
        assert campaign.ends_at is None

    def test_are_opened_again_only_before_their_end(self) -> None:
        campaign = campaign_of(status="ended", ends_at=START - timedelta(days=1))
        with pytest.raises(Invalid) as refusal:
            change(campaign, status="active")
        assert refusal.value.problems[0].attr == "ends_at"
        assert change(campaign, status="active", ends_at=None).status == "active"

    def test_keep_their_workflow_and_stay_while_there_are_members(self) -> None:
        campaign = campaign_of()
        CampaignMemberFactory(campaign=campaign)
        with pytest.raises(Conflict):
            change(campaign, workflow_id=uuid7())
        with pytest.raises(Conflict):
            delete_campaign(account_id=campaign.account_id, actor=SYSTEM, campaign_id=campaign.id)
        CampaignMember.objects.update(left_at=START)
        delete_campaign(account_id=campaign.account_id, actor=SYSTEM, campaign_id=campaign.id)
        assert not Campaign.objects.exists()
