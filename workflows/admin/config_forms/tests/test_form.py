"""Forms of configs: what becomes of what was typed."""

from typing import Any

import pytest
from django.utils.datastructures import MultiValueDict
from uuid_utils.compat import uuid7

from accounts.models import Account, Team
from accounts.problems import Problem
from workflows.actions.registry import registry
from workflows.admin.config_forms import ConfigForm, EarlierStep
from workflows.admin.config_forms.tests.posting import post_of, posted
from workflows.configs.amounts import AmountField
from workflows.configs.base import StrictConfig
from workflows.configs.fields import BooleanField, ChoiceField, IntegerField, ListField, MappingField, TextField
from workflows.configs.hints import Hint
from workflows.configs.references import ReferenceField
from workflows.crm.tests.factories import CustomFieldFactory

pytestmark = pytest.mark.django_db


class Line(StrictConfig):
    text = TextField(required=False, max_length=10, help_text="A text.")
    is_loud = BooleanField(default=False, help_text="Whether it is loud.")


class Everything(StrictConfig):
    """A config with one of each."""

    hints = {
        "detail": Hint(shown_when={"mode": ("long",)}),
        "level": Hint(shown_when={"is_on": (True,)}),
        "extra": Hint(group="Seldom"),
    }

    name = TextField(required=False, max_length=10, help_text="A name.")
    mode = ChoiceField(["short", "long"], default="short", help_text="How.")
    detail = TextField(required=False, max_length=10, help_text="More.")
    is_on = BooleanField(default=True, help_text="On or off.")
    level = IntegerField(required=False, min_value=1, max_value=9, help_text="How much.")
    lines = ListField(child=Line(), max_length=5, required=False, help_text="Lines.")
    words = ListField(child=TextField(max_length=5), max_length=5, required=False, help_text="Words.")
    pairs = MappingField(child=TextField(max_length=5), max_length=5, required=False, help_text="Pairs.")
    nested = Line(required=False, help_text="A line.")
    team = ReferenceField("team", required=False, help_text="A team.")
    extra = TextField(required=False, max_length=10, help_text="Seldom used.")


def form_of(account: Account, data: MultiValueDict[str, str], config: dict[str, Any] | None = None) -> ConfigForm:
    return ConfigForm(Everything, account_id=account.id, data=data, config=config)


class TestWhatIsSent:
    def test_leaves_out_what_is_empty(self, account: Account) -> None:
        form = form_of(account, posted(ConfigForm(Everything, account_id=account.id).render()))

        assert (form.is_valid(), form.config) == (True, {})

    @pytest.mark.parametrize(
        ("stored", "expected"),
        [({}, {}), ({"mode": "short"}, {"mode": "short"}), ({"is_on": True}, {"is_on": True})],
    )
    def test_keeps_a_default_only_where_it_was_stored(
        self, account: Account, stored: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        page = ConfigForm(Everything, account_id=account.id, config=stored).render()

        form = form_of(account, posted(page), stored)

        assert (form.is_valid(), form.config) == (True, expected)

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"name": "Ada"}, {"name": "Ada"}),
            ({"name": "  "}, {"name": ["This field may not be blank."]}),
            ({"name": "a\x00"}, {"name": ["Null characters are not allowed."]}),
            ({"name": "a\ud800"}, {"name": "a\ufffd"}),
            ({"level": "3"}, {"level": 3}),
            ({"level": " +3 "}, {"level": 3}),
            ({"level": "3.0"}, {"level": ["A valid integer is required."]}),
            ({"level": "9" * 5000}, {"level": ["A valid integer is required."]}),
            ({"level": "0"}, {"level": ["Ensure this value is greater than or equal to 1."]}),
            ({"level": "३"}, {"level": ["A valid integer is required."]}),
            ({"is_on": ["false"], "level": "3"}, {"is_on": False}),
            ({"is_on": ["false", "true"]}, {}),
            ({"mode": "long", "detail": "x"}, {"mode": "long", "detail": "x"}),
            ({"mode": "short", "detail": "x"}, {}),
            ({"mode": "loud"}, {"mode": ["Choose one of `short`, `long`."]}),
            ({"unknown": "x"}, {}),
            ({"words.rows": ["7", "3"], "words.3": "b", "words.7": "a"}, {"words": ["a", "b"]}),
            ({"words.rows": ["1", "2"], "words.1": "", "words.2": "b"}, {"words": ["b"]}),
            (
                {"words.rows": ["1", "2"], "words.1": "", "words.2": "x" * 6},
                {"words.2": ["Ensure this field has no more than 5 characters."]},
            ),
            (
                {"lines.rows": ["0"], "lines.0.text": "x", "lines.0.is_loud": "true"},
                {"lines": [{"text": "x", "is_loud": True}]},
            ),
            ({"nested.text": "x"}, {"nested": {"text": "x"}}),
            (
                {
                    "pairs.rows": ["0", "1"],
                    "pairs.1.key": "a",
                    "pairs.1.value": "1",
                    "pairs.0.key": "b",
                    "pairs.0.value": "2",
                },
                {"pairs": {"b": "2", "a": "1"}},
            ),
            (
                {"pairs.rows": ["0"], "pairs.0.key": "a.b", "pairs.0.value": "x" * 6},
                {"pairs.0.value": ["Ensure this field has no more than 5 characters."]},
            ),
            (
                {
                    "pairs.rows": ["0", "1"],
                    "pairs.0.key": "a",
                    "pairs.0.value": "1",
                    "pairs.1.key": "a",
                    "pairs.1.value": "2",
                },
                {"pairs.1.key": ["The name stands there twice."]},
            ),
            ({"pairs.rows": ["0"], "pairs.0.key": " ", "pairs.0.value": "1"}, {"pairs.0.key": ["Give a name."]}),
            ({"team": "no id"}, {"team": ["Give the id as a UUID."]}),
        ],
    )
    def test_is_read_as_the_api_reads_json(
        self, account: Account, fields: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        form = form_of(account, post_of(**fields))

        is_valid = form.is_valid()

        errors = {name.removeprefix("config."): details for name, details in form.errors.items()}
        assert (form.config if is_valid else errors) == expected
        form.render().encode()

    @pytest.mark.parametrize(
        "fields",
        [
            {"words.0": "a"},
            {"words.rows": ["x"], "words.x": "a"},
            {"words.rows": ["-1"]},
            {"words.rows": ["0", "0"], "words.0": "a"},
            {"words.rows": ["9" * 17]},
        ],
    )
    def test_says_so_where_rows_arrive_damaged(self, account: Account, fields: dict[str, Any]) -> None:
        form = form_of(account, post_of(**fields))

        assert not form.is_valid()
        assert form.errors == {"config.words": ["The rows arrived incomplete; check them and save again."]}

    def test_reads_a_bounded_number_of_rows(self, account: Account) -> None:
        rows = [str(number) for number in range(10_000)]
        form = form_of(account, post_of(**{"words.rows": rows}, **{f"words.{row}": "x" for row in rows}))

        assert not form.is_valid()
        assert form.errors == {"config.words": ["The rows arrived incomplete; check them and save again."]}
        assert len(form.render()) < 200_000

    def test_keeps_rows_beyond_the_limit_to_choose_from(self, account: Account) -> None:
        rows = [str(number) for number in range(7)]
        form = form_of(account, post_of(**{"words.rows": rows}, **{f"words.{row}": "x" for row in rows}))

        assert not form.is_valid()
        assert form.errors == {"config.words": ["Ensure this field has no more than 5 elements."]}
        assert posted(form.render()).getlist("config.words.rows")[1:] == rows

    def test_refuses_an_object_of_another_account_as_one_that_does_not_exist(
        self, account: Account, other_account: Account
    ) -> None:
        foreign = Team.objects.create(account=other_account, name="Theirs")
        answers = []
        for team_id in (foreign.id, uuid7()):
            form = form_of(account, post_of(team=str(team_id)))
            assert not form.is_valid()
            html = form.render()
            answers.append((form.errors, html.replace(str(team_id), "id")))
            assert "Theirs" not in html
        assert answers[0] == answers[1]
        assert answers[0][0] == {"config.team": ["There is no such team in this account."]}


class TestWhatIsShown:
    def test_shows_stored_values_of_a_wrong_type_without_an_exception(self, account: Account) -> None:
        for wrong in (None, True, 7, 1.5, "x", [], [[]], {}, {"": {}}, [{"text": []}]):
            config = dict.fromkeys(Everything().fields, wrong)
            assert ConfigForm(Everything, account_id=account.id, config=config).render()

    def test_escapes_what_was_stored(self, account: Account) -> None:
        config = {"name": '"><script>', "pairs": {"</textarea>": "<b>"}, "words": ["{{7*7}}"]}
        html = ConfigForm(Everything, account_id=account.id, config=config).render()

        assert "<script>" not in html
        assert "<b>" not in html
        assert "49" not in html
        form = form_of(account, posted(html))
        assert form.is_valid() is False  # the texts are too long
        assert posted(form.render()).get("config.name") == '"><script>'

    def test_hides_what_does_not_belong_to_the_choice(self, account: Account) -> None:
        def is_hidden(config: dict[str, Any]) -> bool:
            html = ConfigForm(Everything, account_id=account.id, config=config).render()
            return 'data-cf-when="{&quot;config.mode&quot;: [&quot;long&quot;]}" hidden' in html

        assert is_hidden({})
        assert is_hidden({"mode": "short", "detail": "x"})
        assert not is_hidden({"mode": "long"})

    @pytest.mark.parametrize(
        ("mode", "is_on", "is_there"),
        [("short", "false", False), ("short", "true", True), ("long", "false", True), ("long", "true", True)],
    )
    def test_takes_a_field_that_belongs_to_one_of_several_choices(
        self, account: Account, mode: str, is_on: str, is_there: bool
    ) -> None:
        class Several(Everything):
            hints = {"detail": Hint(shown_when=({"mode": ("long",)}, {"is_on": (True,)}))}

        data = MultiValueDict({"config.mode": [mode], "config.is_on": [is_on], "config.detail": ["More"]})
        form = ConfigForm(Several, account_id=account.id, data=data)
        assert form.is_valid()
        assert ("detail" in form.config) is is_there
        ways = "[{&quot;config.mode&quot;: [&quot;long&quot;]}, {&quot;config.is_on&quot;: [&quot;true&quot;]}]"
        assert f'data-cf-when="{ways}"' + ("" if is_there else " hidden") in form.render()

    def test_shows_a_hidden_field_that_something_is_wrong_with(self, account: Account) -> None:
        form = form_of(account, post_of(mode="short"))
        form.is_valid()
        form.add_problems([Problem("invalid", "Give it.", "action_config.detail")])

        assert "hidden>" not in form.render().split('data-cf-when="{&quot;config.mode')[1].split("\n")[0]

    def test_folds_groups_until_they_hold_something(self, account: Account) -> None:
        assert '<details class="cf-section">' in ConfigForm(Everything, account_id=account.id).render()
        stored = ConfigForm(Everything, account_id=account.id, config={"extra": "x"}).render()
        assert '<details class="cf-section" open>' in stored

    def test_cannot_be_changed_where_it_is_only_looked_at(self, account: Account) -> None:
        form = ConfigForm(Everything, account_id=account.id, is_readonly=True)
        assert '<fieldset class="cf-plain" disabled>' in form.render()

    def test_offers_what_templates_can_insert(self, account: Account) -> None:
        CustomFieldFactory(account=account, key="shoe_size", label="Shoe size")
        form = ConfigForm(
            registry.get("add_note"),
            account_id=account.id,
            earlier_steps=[EarlierStep("first_tag", "Tag it", registry.get("add_tag").results)],
            event_types=["tag_added"],
        )
        html = form.render()
        for path in ("contact.email", "contact.custom_fields.shoe_size", "steps.first_tag.changed", "trigger.tag_name"):
            assert f'data-cf-insert="{path}"' in html
        assert "data-cf-menu-mail" in html

    def test_offers_the_steps_that_a_step_can_name(self, account: Account) -> None:
        form = ConfigForm(registry.get("go_to"), account_id=account.id, step_keys=[("later_on", "Later on")])
        assert '<option value="later_on">Later on</option>' in form.render()

    def test_offers_nothing_of_another_account(self, account: Account, other_account: Account) -> None:
        CustomFieldFactory(account=other_account, key="their_secret", label="Theirs")
        for kind in registry:
            html = ConfigForm(kind, account_id=account.id, config=kind.example).render()
            assert "their_secret" not in html


class TestProblemsOfServices:
    def test_stand_at_their_fields(self, account: Account) -> None:
        data = post_of(**{"lines.rows": ["4", "8"], "lines.4.text": "a", "lines.8.text": "b"})
        form = form_of(account, data)
        assert form.is_valid()

        rest = form.add_problems(
            [
                Problem("invalid", "Second line.", "action_config.lines.1.text"),
                Problem("invalid", "No such line.", "action_config.lines.9.text"),
                Problem("invalid", "Whole.", "action_config"),
                Problem("invalid", "Unknown.", "action_config.nothing.of.this"),
                Problem("invalid", "Key.", "key"),
            ]
        )

        assert not form.is_valid()
        assert form.errors == {
            "config": ["Whole.", "Unknown."],
            "config.lines": ["No such line."],
            "config.lines.8.text": ["Second line."],
        }
        assert rest == [Problem("invalid", "Key.", "key")]


class TestSecrets:
    STORED = {
        "url": "https://api.acme.example/leads",
        "method": "POST",
        "auth_type": "basic",
        "auth_config": {"username": "ada-the-user", "password_secret_id": "0190d8f4-0000-7000-8000-000000000000"},
    }

    def test_are_never_rendered(self, account: Account) -> None:
        form = ConfigForm(registry.get("webhook_call"), account_id=account.id, config=self.STORED)
        html = form.render()

        assert "ada-the-user" not in html
        assert "0190d8f4" not in html
        assert html.count("Stored; leave empty to keep") == 2

    def test_are_not_rendered_back_when_the_form_is_refused(self, account: Account) -> None:
        data = post_of(url="", method="POST", auth_type="basic")
        data["config.auth_config.password"] = "hunter2-typed"
        data["config.auth_config.username"] = "eve"
        form = ConfigForm(registry.get("webhook_call"), account_id=account.id, config=self.STORED, data=data)

        assert not form.is_valid()
        html = form.render()
        assert "hunter2" not in html
        assert "type it once more" in html
        assert 'value="eve"' in html

    def test_are_not_sent_where_none_are_typed(self, account: Account) -> None:
        kind = registry.get("webhook_call")
        page = ConfigForm(kind, account_id=account.id, config=self.STORED).render()
        form = ConfigForm(kind, account_id=account.id, config=self.STORED, data=posted(page))

        assert (form.is_valid(), form.errors) == (True, {})
        assert form.config == {name: self.STORED[name] for name in ("url", "method", "auth_type")}

    def test_of_another_way_to_authenticate_are_not_sent(self, account: Account) -> None:
        data = post_of(url="https://a.example", method="GET", auth_type="bearer")
        data["config.auth_config.token"] = "t"
        data["config.auth_config.password"] = "p"
        form = ConfigForm(registry.get("webhook_call"), account_id=account.id, data=data)

        assert form.is_valid()
        assert form.config["auth_config"] == {"token": "t"}


class TestValuesAndJson:
    @pytest.mark.parametrize(
        "value",
        ["text", "", "1", 1, 1.5, True, False, None, ["a", "b"], [], "two\nlines", ["with\nbreak"], [" "], "\nx"],
    )
    def test_come_back_with_their_type(self, account: Account, value: Any) -> None:
        kind = registry.get("create_contact")
        CustomFieldFactory(account=account, key="anything", label="Anything")
        config = {"email": "a@example.com", "custom_fields": {"anything": value}}
        page = ConfigForm(kind, account_id=account.id, config=config).render()
        form = ConfigForm(kind, account_id=account.id, config=config, data=posted(page))
        assert form.root.collect() == config

    @pytest.mark.parametrize(
        ("text", "detail"),
        [
            ('{"a": 1,\n "b": }', "This is not JSON: Expecting value (line 2, column 7)."),
            ("[" * 3000, "This is nested deeper than 32 levels."),
            ('{"a": 1, "a": 2}', 'The key "a" is given twice in one object.'),
            ("9" * 5000, None),
            ("NaN", None),
            ('"\\ud800"', None),
        ],
    )
    def test_say_what_is_wrong_with_json_and_where(self, account: Account, text: str, detail: str | None) -> None:
        data = post_of(url="https://a.example", method="POST", payload=text)
        form = ConfigForm(registry.get("webhook_call"), account_id=account.id, data=data)

        assert not form.is_valid()
        ((name, (said,)),) = form.errors.items()
        assert name == "config.payload"
        assert detail in (None, said)
        assert posted(form.render())["config.payload"].replace("\r\n", "\n") == text


class Priced(StrictConfig):
    price = AmountField(required=False, help_text="A price.")


class TestAmounts:
    @pytest.mark.parametrize("value", [0, 1200, 12.5, "1200", "{{ trigger.total }}"])
    def test_stay_the_number_or_the_text_they_are(self, account: Account, value: Any) -> None:
        config = {"price": value}
        page = ConfigForm(Priced, account_id=account.id, config=config).render()
        form = ConfigForm(Priced, account_id=account.id, config=config, data=posted(page))
        assert (form.is_valid(), form.config) == (True, config)

    def test_that_are_typed_are_numbers_where_they_can_be(self, account: Account) -> None:
        for text, value in {"1200": 1200, "12.50": 12.5, "{{ trigger.total }}": "{{ trigger.total }}"}.items():
            form = ConfigForm(Priced, account_id=account.id, data=post_of(price=text))
            assert (form.is_valid(), form.config) == (True, {"price": value})
