from uuid import uuid4

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.problems import Invalid
from workflows.configs.base import SIZE_LIMIT, StrictConfig, clean, complete
from workflows.configs.fields import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ListField,
    MappingField,
    TemplateField,
    TemplateValueField,
    TextField,
)

ACCOUNT_ID = uuid4()
NAMES = "text, template, number, flag, choice, part, parts, values"


class Part(StrictConfig):
    name = TextField(max_length=5, help_text="A name.")
    count = IntegerField(min_value=0, max_value=9, default=3, help_text="A count.")


class Example(StrictConfig):
    text = TextField(max_length=5, required=False, help_text="A text.")
    template = TemplateField(max_length=10, required=False, help_text="A template.")
    number = IntegerField(min_value=1, max_value=9, default=5, help_text="A number.")
    flag = BooleanField(default=True, help_text="A flag.")
    choice = ChoiceField(["red", "blue"], default="red", help_text="A choice.")
    part = Part(required=False, help_text="A part.")
    parts = ListField(child=Part(), max_length=2, required=False, help_text="Parts.")
    values = MappingField(child=TemplateValueField(max_length=9), max_length=2, required=False, help_text="Values.")

    def validate(self, attrs):
        if attrs["number"] == 9 and attrs["flag"]:
            raise ValidationError("9 needs the flag unset.", code="invalid")
        return attrs


def cleaned(config):
    return clean(Example, config, account_id=ACCOUNT_ID)


def problems(config):
    with pytest.raises(Invalid) as refusal:
        cleaned(config)
    return [(problem.code, problem.attr) for problem in refusal.value.problems]


class TestClean:
    def test_returns_what_was_sent_without_defaults(self):
        config = {"text": "a", "part": {"name": "b"}, "parts": [{"name": "c", "count": 1}, {"name": "d"}]}
        assert cleaned(config) == config
        assert cleaned({}) == {}

    def test_normalises(self):
        assert cleaned({"text": " a "}) == {"text": "a"}
        assert cleaned({"template": " {{ contact.x }} "}) == {"template": " {{ contact.x }} "}

    def test_lets_rules_see_the_defaults(self):
        assert problems({"number": 9}) == [("invalid", None)]
        assert cleaned({"number": 9, "flag": False}) == {"number": 9, "flag": False}

    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"text": 1}, ("invalid", "text")),
            ({"text": True}, ("invalid", "text")),
            ({"text": ["a"]}, ("invalid", "text")),
            ({"text": "toolong"}, ("max_length", "text")),
            ({"text": "a\x00"}, ("null_characters_not_allowed", "text")),
            ({"text": "\ud800"}, ("surrogate_characters_not_allowed", "text")),
            ({"template": {"a": 1}}, ("invalid", "template")),
            ({"template": "{{ contact.x"}, ("invalid_template", "template")),
            ({"number": "5"}, ("invalid", "number")),
            ({"number": 5.0}, ("invalid", "number")),
            ({"number": True}, ("invalid", "number")),
            ({"number": 0}, ("min_value", "number")),
            ({"number": 10**400}, ("max_value", "number")),
            ({"flag": 1}, ("invalid", "flag")),
            ({"flag": "true"}, ("invalid", "flag")),
            ({"flag": None}, ("null", "flag")),
            ({"choice": "green"}, ("invalid_choice", "choice")),
            ({"choice": ["red"]}, ("invalid_choice", "choice")),
            ({"choice": {}}, ("invalid_choice", "choice")),
            ({"part": []}, ("invalid", "part")),
            ({"part": {"name": "a", "x": 1}}, ("unknown_field", "part.x")),
            ({"parts": [{"name": "a"}, {"name": 1}]}, ("invalid", "parts.1.name")),
            ({"parts": [{"name": "a"}, "b"]}, ("invalid", "parts.1")),
            ({"parts": [{"name": "a"}] * 3}, ("max_length", "parts")),
            ({"parts": [{}] * 100_000}, ("max_length", "parts")),
            ({"parts": {"0": {}}}, ("not_a_list", "parts")),
            ({"values": {"a": float("nan")}}, ("invalid", "values.a")),
            ({"values": {"a": float("inf")}}, ("invalid", "values.a")),
            ({"values": {"a": {"b": 1}}}, ("invalid", "values.a")),
            ({"values": {"a": "\ud800"}}, ("invalid", "values.a")),
            ({"values": {"a": ["{{ x }}"]}}, ("invalid_template", "values.a")),
            ({"values": {"a": 1, "b": 2, "c": 3}}, ("max_length", "values")),
        ],
    )
    def test_refuses(self, config, expected):
        assert problems(config) == [expected]

    @pytest.mark.parametrize("config", [None, [], "x", 7, True])
    def test_refuses_what_is_no_object(self, config):
        assert [attr for _, attr in problems(config)] == [None]

    def test_reports_everything_at_once(self):
        config = {"text": 1, "flag": 2, "nonsense": 3, "part": {"count": 10}}
        assert sorted(problems(config)) == [
            ("invalid", "flag"),
            ("invalid", "text"),
            ("max_value", "part.count"),
            ("required", "part.name"),
            ("unknown_field", "nonsense"),
        ]

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("txt", "unknown field `txt`; did you mean `text`?"),
            ("zzz", f"unknown field `zzz`; known are {NAMES}."),
            ("z" * 100_000, f"unknown field `{'z' * 60}`; known are {NAMES}."),
        ],
        ids=["near", "far", "long"],
    )
    def test_names_the_nearest_field(self, name, hint):
        with pytest.raises(Invalid) as refusal:
            cleaned({name: 1})
        (problem,) = refusal.value.problems
        assert problem.detail == hint
        assert len(problem.attr) <= 60

    def test_bounds_what_is_stored(self):
        class Large(StrictConfig):
            texts = ListField(child=TextField(), max_length=1000, help_text="Texts.")

        with pytest.raises(Invalid) as refusal:
            clean(Large, {"texts": ["x" * 1000] * 66}, account_id=ACCOUNT_ID)
        assert refusal.value.problems[0].code == "max_length"
        assert SIZE_LIMIT == 65_536
        assert clean(Large, {"texts": ["x" * 1000] * 65}, account_id=ACCOUNT_ID)


class TestComplete:
    def test_fills_defaults_at_every_level(self):
        config = {"part": {"name": "a"}, "parts": [{"name": "b"}], "number": 1}
        assert complete(Example, config) == {
            "number": 1,
            "flag": True,
            "choice": "red",
            "part": {"name": "a", "count": 3},
            "parts": [{"name": "b", "count": 3}],
        }

    def test_leaves_the_original_alone(self):
        config = {"part": {"name": "a"}}
        complete(Example, config)
        assert config == {"part": {"name": "a"}}

    def test_makes_a_default_anew_each_time(self):
        class Listed(StrictConfig):
            names = serializers.ListField(default=list, help_text="Names.")

        first = complete(Listed, {})
        first["names"].append("x")
        assert complete(Listed, {}) == {"names": []}
