"""The pages of connections to Facebook pages."""

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.messaging.models import Connection
from workflows.messaging.providers.messenger import MessengerPage

pytestmark = pytest.mark.django_db
ADD = "/admin/messaging/connection/add/?kind=messenger"
BODY = {
    "name": "Page",
    "page_id": "104270000000001",
    "api_host": "postbox.test",
    "api_version": "v26.0",
    "password": "page token",
    "webhook_secret": "app secret",
    "is_enabled": "on",
}


@pytest.fixture
def browser(account):
    user = UserFactory(is_staff=True)
    MembershipFactory(account=account, user=user, role=Role.ADMIN)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def connection(browser):
    response = browser.post(ADD, BODY)
    assert response.status_code == 302, response.content.decode()
    return Connection.objects.get()


class TestMessenger:
    def test_is_connected_with_its_page_and_both_secrets(self, connection):
        assert connection.settings == {
            "page_id": "104270000000001",
            "api_host": "postbox.test",
            "api_version": "v26.0",
        }
        assert connection.secret_id is not None
        assert connection.webhook_secret_id is not None

    def test_shows_what_to_set_at_meta_and_no_secret(self, browser, connection):
        page = browser.get(f"/admin/messaging/connection/{connection.id}/change/").content.decode()
        assert f"/hooks/messenger/{connection.id}" in page
        assert MessengerPage.of(connection).verify_token in page
        for label in ("Page access token", "App secret", "Forget app secret"):
            assert label in page
        for secret in ("page token", "app secret"):
            assert f'"{secret}"' not in page

    def test_refuses_what_is_no_page(self, browser):
        page = browser.post(ADD, {**BODY, "page_id": "my page"}).content.decode()
        assert "number of 5 to 30 digits" in page
        assert not Connection.objects.exists()

    def test_is_listed_by_its_page(self, browser, connection):
        assert "page 104270000000001" in browser.get("/admin/messaging/connection/").content.decode()
