import pytest

from workflows.actions.outcomes import Jump
from workflows.actions.registry import registry
from workflows.actions.tests.batches import refusals, run
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db


class TestGoTo:
    def test_jumps_with_each_contact(self, account):
        contacts = ContactFactory.create_batch(2, account=account)
        assert run("go_to", contacts, {"target_key": "ask"}) == [Jump("ask", {"target_key": "ask"})] * 2

    def test_says_where_to(self):
        kind = registry.get("go_to")
        assert (kind.jump_target({"target_key": "ask"}), kind.summary({"target_key": "ask"})) == ("ask", "Go to ask")


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "target_key")),
            ({"target_key": ""}, ("blank", "target_key")),
            ({"target_key": None}, ("null", "target_key")),
            ({"target_key": "Ask me"}, ("invalid", "target_key")),
            ({"target_key": "x" * 51}, ("max_length", "target_key")),
            ({"target_key": "ask", "key": "ask"}, ("unknown_field", "key")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("go_to", config, account.id) == [expected]
