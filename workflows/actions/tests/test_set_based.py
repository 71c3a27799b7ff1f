import pytest

from workflows.actions.outcomes import Failed
from workflows.actions.set_based import Unfit, rendered, rendered_value, turns
from workflows.actions.tests.batches import batch_of, run
from workflows.crm.models import Note
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db

HEAVY = "{% for i in (1..3000) %}{{ i }}{% endfor %}"


@pytest.fixture
def step(account):
    return batch_of([ContactFactory(account=account, first_name="Ada")], {})[0]


class TestTurns:
    def test_have_each_contact_once(self, account):
        ada, bob, zoe = ContactFactory.create_batch(3, account=account)
        batch = batch_of([ada, bob, ada, zoe, ada, bob], {})
        assert list(turns(batch)) == [[0, 1, 3], [2, 5], [4]]

    def test_are_none_for_nobody(self, account):
        batch = batch_of([ContactFactory(account=account)], {})
        batch._steps = []
        assert list(turns(batch)) == []


class TestRendered:
    def test_drops_outer_blanks(self, step):
        assert rendered(step, "  {{ contact.first_name }}\n", field="x", limit=3) == "Ada"
        assert rendered(step, " {{ contact.first_name }} ", field="x", limit=5, trim=False) == " Ada "

    def test_counts_characters_not_bytes(self, step):
        assert rendered(step, "äöü", field="x", limit=3) == "äöü"
        with pytest.raises(Unfit, match="x has 4 characters after rendering; 3 fit"):
            rendered(step, "äöüß", field="x", limit=3)

    def test_blames_the_config_for_a_template_that_cannot_be_rendered(self, step):
        with pytest.raises(Unfit) as problem:
            rendered(step, "{{ 1 | divided_by: 0 }}", field="title", limit=9)
        assert problem.value.error_class == "invalid_config"
        assert str(problem.value).startswith("title: The template could not be rendered: divided_by")

    def test_blames_the_config_for_a_template_that_is_none(self, step):
        with pytest.raises(Unfit) as problem:
            rendered(step, "{{ 1 |", field="title", limit=9)
        assert problem.value.error_class == "invalid_config"

    def test_shares_the_work_of_a_step_among_its_templates(self, step):
        rendered(step, HEAVY, field="x", limit=100_000)
        rendered(step, HEAVY, field="x", limit=100_000)
        with pytest.raises(Unfit, match="too much work"):
            rendered(step, HEAVY, field="x", limit=100_000)

    def test_bounds_a_list_as_a_whole(self, step):
        assert rendered_value(step, ["a", "", "{{ contact.first_name }}"], field="x", limit=4) == ["a", "Ada"]
        with pytest.raises(Unfit, match="x has more than 4 characters in all"):
            rendered_value(step, ["aa", "{{ contact.first_name }}"], field="x", limit=4)


class TestSetBasedAction:
    def test_writes_nothing_when_nobody_is_fit(self, account):
        contacts = ContactFactory.create_batch(2, account=account, source="")
        outcomes = run("add_note", contacts, {"content": "{{ contact.source }}"})
        assert outcomes == [Failed("rejected", "content is empty after rendering.")] * 2
        assert not Note.objects.exists()

    def test_keeps_outcomes_in_the_order_of_steps(self, account):
        good, bad = ContactFactory(account=account, source="web"), ContactFactory(account=account, source="")
        outcomes = run("add_note", [bad, good, bad, good], {"content": "{{ contact.source }}"})
        assert [isinstance(outcome, Failed) for outcome in outcomes] == [True, False, True, False]
