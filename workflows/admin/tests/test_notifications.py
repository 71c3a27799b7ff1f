"""The staff page of notifications."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.crm.tests.factories import NotificationFactory

pytestmark = pytest.mark.django_db

LIST = "admin:crm_notification_changelist"


def test_shows_members_their_own_and_superusers_all(account: Account) -> None:
    member = MembershipFactory(account=account, user=UserFactory(is_staff=True))
    own = NotificationFactory(account=account, recipient=member.user)
    other = NotificationFactory(account=account)
    client = Client()

    client.force_login(member.user)
    listed = client.get(reverse(LIST)).content.decode()
    assert str(own.id) in listed
    assert str(other.id) not in listed
    assert client.get(reverse("admin:crm_notification_change", args=[other.id])).status_code == 302

    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    listed = client.get(reverse(LIST)).content.decode()
    assert str(own.id) in listed
    assert str(other.id) in listed
