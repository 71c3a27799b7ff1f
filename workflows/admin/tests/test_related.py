"""Rows that know others by id alone name them all the same."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Role
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.crm.models import Contact
from workflows.crm.tests.factories import ContactFactory, EventFactory
from workflows.messaging.tests.factories import MessageFactory
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(account: Account) -> Client:
    client = Client()
    client.force_login(MembershipFactory(account=account, role=Role.OWNER, user=UserFactory(is_staff=True)).user)
    return client


def content(client: Client, address: str) -> str:
    return client.get(address).content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {"first_name": "Ada", "last_name": "Lovelace"},
        {"first_name": "Ada", "last_name": ""},
        {"first_name": "", "last_name": "", "email": "ada@example.test"},
        {"first_name": "", "last_name": "", "email": "", "phone": "+14155550100"},
        {"first_name": "<b>", "last_name": "{{7*7}}"},
    ],
)
def test_events_name_their_contact(client: Client, account: Account, fields: dict[str, str]) -> None:
    contact = ContactFactory(account=account, **fields)
    EventFactory(account=account, contact_id=contact.id)
    shown = str(contact).replace("<", "&lt;").replace(">", "&gt;")
    assert f'/admin/crm/contact/{contact.id}/change/">{shown}</a>' in content(client, "/admin/crm/event/")


def test_events_do_not_name_contacts_that_are_gone_or_foreign(
    client: Client, account: Account, other_account: Account
) -> None:
    gone, foreign = ContactFactory(account=account), ContactFactory(account=other_account)
    Contact.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    for contact in (gone, foreign):
        EventFactory(account=account, contact_id=contact.id)
    page = content(client, "/admin/crm/event/")
    for contact in (gone, foreign):
        assert f"{contact.id} (gone)" in page
        assert f"/admin/crm/contact/{contact.id}/" not in page


def test_messages_name_contact_and_execution(client: Client, account: Account) -> None:
    contact = ContactFactory(account=account, first_name="Ada", last_name="Lovelace")
    execution = ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), contact=contact)
    message = MessageFactory(account=account, contact_id=contact.id, execution_id=execution.id)
    page = content(client, f"/admin/messaging/message/{message.pk}/change/")
    assert '/change/">Ada Lovelace</a>' in page
    assert f'/change/">Ada Lovelace in {execution.workflow.name}</a>' in page
