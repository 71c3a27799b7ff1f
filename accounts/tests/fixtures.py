"""Fixtures for every test of the project; loaded by `config.testing`."""

import pytest
from rest_framework.test import APIClient

from accounts.models import Account, Role
from accounts.tests.factories import AccountFactory, ApiKeyFactory


def client_for(account: Account, role: Role | str = Role.EDITOR) -> APIClient:
    """Return an API client that sends a key of this account and role; JSON is its default format."""
    api_key = ApiKeyFactory(account=account, role=Role(role))
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {api_key.plain_key}")
    client.api_key = api_key
    return client


@pytest.fixture
def account(db: None) -> Account:
    """An account."""
    return AccountFactory(name="Acme")


@pytest.fixture
def other_account(db: None) -> Account:
    """Another account, whose rows must stay out of reach."""
    return AccountFactory(name="Other")


@pytest.fixture
def api(account: Account) -> APIClient:
    """An editor's client of `account`."""
    return client_for(account)


@pytest.fixture
def admin_api(account: Account) -> APIClient:
    """An admin's client of `account`."""
    return client_for(account, Role.ADMIN)


@pytest.fixture
def viewer_api(account: Account) -> APIClient:
    """A viewer's client of `account`."""
    return client_for(account, Role.VIEWER)
