"""Messages in the tables of contacts and connections say which way they went and what they are about."""

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.crm.models import Channel
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Call, Direction
from workflows.messaging.tests.factories import MessageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(account):
    return ContactFactory(account=account)


@pytest.fixture
def page(account, contact):
    user = UserFactory(is_staff=True)
    MembershipFactory(account=account, user=user, role=Role.VIEWER)
    client = Client()
    client.force_login(user)

    def open_page():
        return client.get(f"/admin/crm/contact/{contact.id}/change/").content.decode()

    return open_page


class TestTheMessagesOfAContact:
    def test_show_whence_an_answer_came_and_its_text(self, account, contact, page):
        MessageFactory(
            account=account,
            contact_id=contact.id,
            channel=Channel.SMS,
            direction=Direction.INBOUND,
            sender="+14155550123",
            recipient="+14155550100",
            subject="",
            text="Yes, <please>",
        )
        shown = page()
        for value in ("SMS", "from", "+14155550123", "Yes, &lt;please&gt;"):
            assert f">{value}<" in "".join(shown.split("\n")).replace("  ", ""), value
        assert "+14155550100" not in shown

    def test_tell_what_came_of_a_call(self, account, contact, page):
        message = MessageFactory(account=account, contact_id=contact.id, channel=Channel.VOICE, subject="")
        Call.objects.create(account=account, message=message, outcome="busy")
        assert "Busy" in page()
