"""Every page of the admin in a real browser: it opens without an error, and whatever people wrote stays text.

Read from the admin's registry and the models, so that a new page is visited without being named here.
"""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import IntegrityError, transaction
from django.db.models import CharField, F, Field, Model, TextField, Value
from django.db.models.functions import Cast, Concat, Right
from django.urls import reverse

from accounts.models import Account, Role, User
from accounts.scoping import AccountRow, BulkAccountRow
from accounts.tests.factories import MembershipFactory, UserFactory
from config.tests.browser import Browsing, Page
from workflows.api.tests.routes import SAMPLES

HOSTILE = "<script>window.broken=1</script>{{7*7}}\"'><img src=x onerror=window.broken=1>\u202e"
WORDS = {"name", "first_name", "last_name", "title", "label", "description", "content", "subject", "message"}


def is_written_by_people(field: Field) -> bool:
    is_text = isinstance(field, CharField | TextField) and not field.choices
    return is_text and field.name in WORDS and (field.max_length or 1000) >= len(HOSTILE) + 6


def write_hostile_names(model: type[Model]) -> None:
    """Put markup, a template and a change of direction into each field that holds people's words."""
    for field in model._meta.get_fields():
        if isinstance(field, Field) and is_written_by_people(field):
            text = Concat(Value(HOSTILE), Right(Cast(F("pk"), TextField()), 6))
            try:
                with transaction.atomic():
                    model._default_manager.update(**{field.name: text})
            except IntegrityError:
                continue  # what the database refuses, nobody sees


@pytest.fixture
def superuser(transactional_db: None) -> User:
    return UserFactory(is_staff=True, is_superuser=True, name="Root")


@pytest.fixture
def everything(account: Account, other_account: Account) -> None:
    """One of each thing, named as hostile as the database allows."""
    MembershipFactory(account=account, role=Role.OWNER)
    for make in SAMPLES.values():
        make(account)
    for model in apps.get_models():
        if issubclass(model, AccountRow | BulkAccountRow | Account | User):
            write_hostile_names(model)


def addresses() -> Iterator[str]:
    """Yield the address of each list, of the page to add a row where there is one, and of one row's own page."""
    yield reverse("admin:index")
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_add")
        row = model._default_manager.first()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])


def visit(page: Page, address: str) -> int:
    response = page.goto(address, wait_until="load")
    assert response is not None
    assert page.evaluate("window.broken") is None, address
    return response.status


@pytest.mark.usefixtures("everything")
class TestEveryPage:
    def test_opens_without_an_error(self, browsing: Browsing, superuser: User) -> None:
        page = browsing.open(superuser)
        browsing.accept_status(403)  # where nobody may add rows
        for address in addresses():
            status = visit(page, address)
            assert status == 200 or (status == 403 and address.endswith("/add/")), address

    def test_opens_for_members_or_says_that_it_is_closed(self, browsing: Browsing, account: Account) -> None:
        user = MembershipFactory(account=account, role=Role.VIEWER, user=UserFactory(is_staff=True)).user
        page = browsing.open(user)
        browsing.accept_status(403)
        for address in addresses():
            assert visit(page, address) in (200, 403), address

    def test_shows_what_people_wrote_as_text(self, browsing: Browsing, superuser: User) -> None:
        page = browsing.open(superuser)
        page.goto(reverse("admin:workflows_workflow_changelist"))
        assert page.get_by_text("<script>window.broken=1</script>{{7*7}}").count() > 0
