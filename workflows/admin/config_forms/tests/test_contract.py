"""What the form of every registered type owes, whoever wrote the type."""

import pytest

from accounts.models import Account
from workflows.actions.base import ActionType
from workflows.actions.registry import registry as action_types
from workflows.admin.config_forms import ConfigForm
from workflows.admin.config_forms.tests.posting import posted
from workflows.triggers.base import TriggerType
from workflows.triggers.registry import registry as trigger_types

pytestmark = pytest.mark.django_db

Kind = ActionType | TriggerType
KINDS: list[Kind] = [*action_types, *trigger_types]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.slug)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


class TestTheFormOfAnyType:
    def test_sends_the_example_back_as_it_is(self, kind: Kind, account: Account) -> None:
        page = ConfigForm(kind, account_id=account.id, config=kind.example).render()

        form = ConfigForm(kind, account_id=account.id, config=kind.example, data=posted(page))

        assert (form.is_valid(), form.errors) == (True, {})
        assert form.config == kind.example
