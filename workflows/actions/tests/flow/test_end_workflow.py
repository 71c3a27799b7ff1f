import pytest

from workflows.actions.outcomes import End
from workflows.actions.tests.batches import refusals, run
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db


class TestEndWorkflow:
    def test_ends_each_execution_with_the_reason(self, account):
        contacts = ContactFactory.create_batch(2, account=account)
        assert run("end_workflow", contacts, {"reason": " Not interested "}) == [End("Not interested")] * 2

    def test_needs_no_reason(self, account):
        assert run("end_workflow", ContactFactory(account=account), {}) == [End("")]


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"reason": "x" * 201}, ("max_length", "reason")),
            ({"reason": 7}, ("invalid", "reason")),
            ({"reason": None}, ("null", "reason")),
            ({"because": "x"}, ("unknown_field", "because")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("end_workflow", config, account.id) == [expected]
