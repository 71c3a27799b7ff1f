from uuid import uuid4

import pytest

from accounts.problems import Invalid
from accounts.tests.factories import MembershipFactory
from workflows.actions.tests.referenced import MAKERS
from workflows.configs.base import StrictConfig, clean
from workflows.configs.fields import ListField
from workflows.configs.references import KINDS, ReferenceField, references_in
from workflows.crm.tests.factories import PipelineFactory

pytestmark = pytest.mark.django_db


def made(kind, account):
    """Return the id of a new object of the kind."""
    object_id = uuid4()
    if kind == "stage":
        PipelineFactory(account=account)
    MAKERS[kind](account, object_id)
    return object_id


def config_for(kind):
    class Config(StrictConfig):
        thing = ReferenceField(kind, required=False, help_text="A thing.")
        things = ListField(child=ReferenceField(kind), max_length=9, required=False, help_text="Things.")

    return Config


@pytest.mark.parametrize("kind", KINDS)
class TestReferenceField:
    def test_accepts_an_object_of_the_account(self, kind, account):
        object_id = made(kind, account)
        config = {"thing": str(object_id).upper()}
        assert clean(config_for(kind), config, account_id=account.id) == {"thing": str(object_id)}

    def test_knows_none_of_another_account(self, kind, account, other_account):
        foreign, missing = made(kind, other_account), uuid4()
        answers = []
        for object_id in (foreign, missing):
            with pytest.raises(Invalid) as refusal:
                clean(config_for(kind), {"things": [str(object_id)]}, account_id=account.id)
            answers += refusal.value.problems
        assert answers[0] == answers[1]
        assert (answers[0].code, answers[0].attr) == (f"{kind}_not_found", "things.0")

    def test_is_found_in_stored_configs(self, kind):
        first, second = uuid4(), uuid4()
        config = {"thing": str(first), "things": [str(second)]}
        assert list(references_in(config_for(kind), config)) == [(kind, first, "thing"), (kind, second, "things.0")]


class TestKinds:
    def test_must_be_known(self):
        with pytest.raises(ValueError, match="nothing is called 'pigeon'"):
            ReferenceField("pigeon")

    def test_leave_out_members_who_left(self, account):
        user = MembershipFactory(account=account, is_active=False).user
        with pytest.raises(Invalid):
            clean(config_for("user"), {"thing": str(user.id)}, account_id=account.id)
