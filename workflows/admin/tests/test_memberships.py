"""Joining campaigns and getting access to courses on the pages of either side."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Role, User
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.crm.models import Campaign, CampaignMember, Contact, Course, CourseAccess
from workflows.crm.tests.factories import CampaignFactory, ContactFactory, CourseFactory
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

TERMS = {"level": "limited", "duration_days": "30", "drip_content": "on"}


@pytest.fixture
def editor(account: Account) -> User:
    return MembershipFactory(account=account, role=Role.EDITOR, user=UserFactory(is_staff=True)).user


@pytest.fixture
def client(editor: User) -> Client:
    client = Client()
    client.force_login(editor)
    return client


@pytest.fixture
def campaign(account: Account) -> Campaign:
    return campaign_of(account)


@pytest.fixture
def course(account: Account) -> Course:
    made: Course = CourseFactory(account=account)
    return made


@pytest.fixture
def contact(account: Account) -> Contact:
    made: Contact = ContactFactory(account=account, first_name="Ada")
    return made


def campaign_of(account: Account, **fields: Any) -> Campaign:
    made: Campaign = CampaignFactory(account=account, workflow_id=ActiveWorkflowFactory(account=account).id, **fields)
    return made


def page_of(row: Any, page: str) -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_{page}", args=[row.pk])


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


class TestCampaigns:
    def test_take_a_contact_on_their_page(
        self, client: Client, editor: User, campaign: Campaign, contact: Contact
    ) -> None:
        page = page_of(campaign, "join")
        assert f"/autocomplete/?account={campaign.account_id}" in client.get(page).content.decode()
        response = client.post(page, {"contact": str(contact.id)})
        assert (response.status_code, told(response)) == (302, ["Joined."])
        assert CampaignMember.objects.get().contact_id == contact.id
        assert AuditEntry.objects.get(verb="campaign.joined").actor_user_id == editor.id

    def test_are_joined_on_the_contacts_page(self, client: Client, campaign: Campaign, contact: Contact) -> None:
        page = page_of(contact, "join")
        assert page in client.get(page_of(contact, "change")).content.decode()
        response = client.post(page, {"campaign": str(campaign.id)})
        assert (response.status_code, told(response)) == (302, ["Joined."])
        assert CampaignMember.objects.get().campaign_id == campaign.id

    def test_refuse_a_member_with_the_reason(self, client: Client, campaign: Campaign, contact: Contact) -> None:
        page = page_of(contact, "join")
        client.post(page, {"campaign": str(campaign.id)})
        response = client.post(page, {"campaign": str(campaign.id)})
        assert told(response)[-1] == "The contact is a member of the campaign."
        assert CampaignMember.objects.count() == 1

    def test_offer_and_take_own_active_ones_alone(
        self, client: Client, account: Account, other_account: Account, contact: Contact
    ) -> None:
        page = page_of(contact, "join")
        for left_out in (campaign_of(other_account), campaign_of(account, status="paused")):
            assert str(left_out.id) not in client.get(page).content.decode()
            assert client.post(page, {"campaign": str(left_out.id)}).status_code == 200
        assert not CampaignMember.objects.exists()

    @pytest.mark.parametrize("value", ["", "x", "0199c0de-0000-7000-8000-000000000001"])
    def test_take_no_contact_that_is_none(self, client: Client, campaign: Campaign, value: str) -> None:
        assert client.post(page_of(campaign, "join"), {"contact": value}).status_code == 200
        assert not CampaignMember.objects.exists()

    def test_take_no_contact_of_another_account(
        self, client: Client, campaign: Campaign, other_account: Account
    ) -> None:
        foreign = ContactFactory(account=other_account)
        assert client.post(page_of(campaign, "join"), {"contact": str(foreign.id)}).status_code == 200
        assert not CampaignMember.objects.exists()


class TestCourses:
    def test_are_opened_on_their_page(self, client: Client, course: Course, contact: Contact) -> None:
        page = page_of(course, "grant")
        assert f"/autocomplete/?account={course.account_id}" in client.get(page).content.decode()
        response = client.post(page, {**TERMS, "contact": str(contact.id)})
        assert (response.status_code, told(response)) == (302, ["Granted."])
        access = CourseAccess.objects.get()
        assert (access.contact_id, access.level, access.drip_content) == (contact.id, "limited", True)
        assert access.expires_at is not None

    def test_are_opened_on_the_contacts_page(self, client: Client, course: Course, contact: Contact) -> None:
        response = client.post(page_of(contact, "grant"), {**TERMS, "course": str(course.id)})
        assert (response.status_code, told(response)) == (302, ["Granted."])
        assert CourseAccess.objects.get().course_id == course.id
        again = client.post(page_of(contact, "grant"), {**TERMS, "course": str(course.id)})
        assert told(again)[-1] == "The contact has access already; extend or revoke it."
        assert CourseAccess.objects.count() == 1

    def test_of_another_account_are_neither_offered_nor_opened(
        self, client: Client, contact: Contact, other_account: Account
    ) -> None:
        foreign = CourseFactory(account=other_account)
        page = page_of(contact, "grant")
        assert str(foreign.id) not in client.get(page).content.decode()
        assert client.post(page, {**TERMS, "course": str(foreign.id)}).status_code == 200
        assert not CourseAccess.objects.exists()


class TestViewers:
    @pytest.mark.parametrize("verb", ["join", "grant"])
    def test_are_kept_out(self, account: Account, contact: Contact, verb: str) -> None:
        viewer = MembershipFactory(account=account, role=Role.VIEWER, user=UserFactory(is_staff=True)).user
        client = Client()
        client.force_login(viewer)
        page = page_of(contact, verb)
        assert page not in client.get(page_of(contact, "change")).content.decode()
        assert client.post(page, {}).status_code == 403
