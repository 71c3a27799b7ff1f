"""What configs name as people do."""

import pytest

from workflows.configs.base import StrictConfig
from workflows.configs.fields import ListField, TemplateField
from workflows.configs.names import (
    ContactFieldNameField,
    CustomFieldNameField,
    CustomFieldsField,
    TagNameField,
    TagNameTemplateField,
    names_in,
)


class Config(StrictConfig):
    tag = TagNameField()
    tag_template = TagNameTemplateField(max_length=50)
    field = ContactFieldNameField()
    key = CustomFieldNameField()
    values = CustomFieldsField(child=TemplateField(max_length=50), max_length=5)
    tags = ListField(child=TagNameField(), max_length=5)
    text = TemplateField(max_length=200)


class TestNamesIn:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"tag": "VIP"}, [("tag", "vip", "tag")]),
            ({"tags": ["A", "B"]}, [("tag", "a", "tags.0"), ("tag", "b", "tags.1")]),
            ({"tag_template": "Größe"}, [("tag", "grösse", "tag_template")]),
            ({"tag_template": "{{ contact.first_name }}"}, []),
            ({"tag_template": "{{ broken"}, []),
            ({"tag": None}, []),
            ({"field": "custom_fields.plan"}, [("custom_field", "plan", "field")]),
            ({"field": "contact.custom_fields.plan"}, [("custom_field", "plan", "field")]),
            ({"field": "email"}, []),
            ({"key": "plan"}, [("custom_field", "plan", "key")]),
            ({"key": "custom_fields.plan"}, [("custom_field", "plan", "key")]),
            ({"values": {"plan": "x"}}, [("custom_field", "plan", "values.plan")]),
            ({"text": "{{ contact.custom_fields.plan }}"}, [("custom_field", "plan", "text")]),
            ({"text": "custom_fields {{ broken"}, []),
        ],
    )
    def test_finds(self, config, expected):
        assert list(names_in(Config, config)) == expected
