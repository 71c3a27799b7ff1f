import pytest

from accounts.problems import Invalid
from workflows.triggers.base import TriggerType
from workflows.triggers.registry import Registry, UnknownTriggerType, registry


class Whistle(TriggerType):
    """Somebody whistles."""

    slug = "whistle"
    label = "Whistle"
    icon = "sports"
    example = {}


class TestRegistry:
    def test_refuses_a_slug_that_is_taken(self):
        types = Registry()
        types.register(Whistle)
        with pytest.raises(ValueError, match="two trigger types call themselves 'whistle'"):
            types.register(Whistle)
        assert len(types) == 1

    def test_knows_the_types_of_the_first_release(self):
        assert [kind.slug for kind in registry] == ["manual"]

    def test_raises_for_a_slug_that_nobody_has(self):
        with pytest.raises(UnknownTriggerType):
            registry.get("whistle")


@pytest.mark.django_db
@pytest.mark.parametrize("kind", list(registry), ids=lambda kind: kind.slug)
class TestAnyTriggerType:
    def test_accepts_its_own_example(self, kind, account):
        assert kind.clean_settings(kind.example, account_id=account.id) == kind.example

    def test_refuses_an_unknown_setting(self, kind, account):
        with pytest.raises(Invalid) as refusal:
            kind.clean_settings({**kind.example, "nonsense": 1}, account_id=account.id)
        (problem,) = refusal.value.problems
        assert (problem.code, problem.attr) == ("unknown_field", "nonsense")

    def test_documents_itself(self, kind):
        assert kind.description().endswith(".")
        assert kind.description() != TriggerType.description()
        assert all(field.help_text for field in kind.Settings().fields.values())
