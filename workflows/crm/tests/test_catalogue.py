"""The catalogue says what the services record."""

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.tests.factories import MembershipFactory
from workflows.crm.catalogue import EVENT_TYPES
from workflows.crm.copies import BY_HAND
from workflows.crm.models import Event
from workflows.crm.services.campaign_members import NewMember, add_members, remove_members
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.contacts import (
    ContactDraft,
    FieldChange,
    Upserted,
    create_contacts,
    delete_contacts,
    update_contacts,
)
from workflows.crm.services.course_access import Grant, grant_access, revoke_access
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.notes import NoteDraft, add_notes
from workflows.crm.services.opportunities import (
    Move,
    OpportunityDraft,
    Selector,
    create_opportunities,
    hold_stages,
    move_opportunities,
    opportunities_of,
)
from workflows.crm.services.tags import TagChange, add_tags, remove_tags
from workflows.crm.services.tasks import TaskDraft, complete_task, create_tasks
from workflows.crm.tests.factories import CampaignFactory, CourseFactory, CustomFieldFactory, PipelineFactory
from workflows.crm.tests.world import NOW

RECORDED_ELSEWHERE = {
    "email_opened",
    "email_clicked",
    "email_bounced",
    "sms_received",
    "messenger_received",
    "call_completed",
}
"""By messaging."""


@pytest.mark.django_db
class TestEventTypes:
    def test_are_all_recorded_with_the_data_listed_and_no_other(self, account: Account) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        owner = MembershipFactory(account=account).user
        (upserted,) = create_contacts(
            account_id=account.id, actor=SYSTEM, drafts=[ContactDraft(email="ada@example.com")], now=NOW
        )
        assert isinstance(upserted, Upserted)
        (contact,) = lock_contacts(account_id=account.id, contact_ids=[upserted.contact_id]).values()
        add_tags(account_id=account.id, changes=[TagChange(contact, "VIP")], now=NOW)
        remove_tags(account_id=account.id, changes=[TagChange(contact, "VIP")], now=NOW)
        change = FieldChange(contact, {"custom_fields.score": 1, "owner_id": owner.id})
        update_contacts(account_id=account.id, actor=SYSTEM, changes=[change], now=NOW)
        add_notes(account_id=account.id, drafts=[NoteDraft(contact, "Called.")], now=NOW)
        (task_id,) = create_tasks(account_id=account.id, drafts=[TaskDraft(contact, "Call")], now=NOW)
        complete_task(account_id=account.id, task_id=task_id, now=NOW)  # type: ignore[arg-type]
        set_consents(account_id=account.id, changes=[ConsentChange(contact.id, "sms", "opt_out", NOW)], now=NOW)
        campaign, course, causes = (
            CampaignFactory(account=account),
            CourseFactory(account=account),
            {contact.id: BY_HAND},
        )
        add_members(campaign=campaign, members=[NewMember(contact.id, None)], now=NOW)
        remove_members(campaign=campaign, causes=causes, now=NOW)
        grant_access(course=course, causes=causes, grant=Grant(), now=NOW)
        revoke_access(course=course, causes=causes, now=NOW)
        pipeline = PipelineFactory(account=account)
        stages = hold_stages(account_id=account.id, pipeline_ids=[pipeline.id])
        new, _, won, lost = stages.values()
        draft = OpportunityDraft(contact, pipeline.id, "Order", "USD")
        create_opportunities(account_id=account.id, actor=SYSTEM, drafts=[draft], now=NOW)
        deals = opportunities_of(
            account_id=account.id, contact_ids=[contact.id], pipeline_id=pipeline.id, selector=Selector.LATEST
        )
        for came_from, stage in ((new, won), (won, lost)):
            move = Move(deals[contact.id], came_from, stage)
            move_opportunities(account_id=account.id, actor=SYSTEM, moves=[move], now=NOW)
        delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[contact.id], now=NOW)
        recorded = {event.event_type: set(event.data) for event in Event.objects.all()}
        assert recorded == {
            event_type: set(names) for event_type, names in EVENT_TYPES.items() if event_type not in RECORDED_ELSEWHERE
        }
