import pytest

from workflows.templating import TemplateProblem, compile_template, templates_in, validate_template


def problem_of(source):
    with pytest.raises(TemplateProblem) as refusal:
        validate_template(source)
    return refusal.value


class TestValidation:
    @pytest.mark.parametrize(
        "source",
        [
            "plain text, 100 % { fine }",
            "{{ contact.first_name }} {{ account.name }} {{ workflow.name }} {{ execution.id }}",
            "{{ trigger.anything.at[0].all }} {{ steps.key.field }}",
            "{% for tag in contact.tags %}{{ tag }}{{ forloop.index }}{% endfor %}",
            "{% assign x = 1 %}{{ x }}",
            "{% for t in contact.tags %}{{ last }}{% assign last = t %}{% endfor %}",
            "{% capture x %}a{% endcapture %}{{ x }}",
            "{% increment n %}{{ n }}",
            "{% if contact.email contains '@' and contact.phone != blank %}x{% elsif true %}y{% else %}z{% endif %}",
            "{% case contact.source %}{% when 'web', 'shop' %}x{% endcase %}{% unless false %}{% endunless %}",
            "{% liquid\n assign x = contact.email\n echo x\n%}",
            "{% comment %}{{ unknown }}{% endcomment %}{% raw %}{{ unknown }}{% endraw %}{% # remark %}",
            "{%- assign x = 'a' -%} {{- x -}}",
        ],
    )
    def test_accepts(self, source):
        assert validate_template(source).source == source

    @pytest.mark.parametrize(
        ("source", "line", "message"),
        [
            ("{{ contct.x }}", 1, "Template: unknown variable `contct`; did you mean `contact`?"),
            ("\n\n{{ user.name }}", 3, "Template: unknown variable `user`"),
            ("{{ now }}", 1, "Template: unknown variable `now`"),
            ("a\n{{ contact.x | upcas }}", 2, "Template: unknown filter `upcas`; did you mean `upcase`?"),
            ("{{ contact.x | safe }}", 1, "Template: unknown filter `safe`"),
            ("{% if contact.x == 1 and y %}{% endif %}", 1, "Template: unknown variable `y`"),
            ("{{ contact[key].x }}", 1, "Template: unknown variable `key`"),
            ("{% for x in things %}{% endfor %}", 1, "Template: unknown variable `things`"),
            ("x\n{% include 'header' %}", 2, "Template: unexpected tag 'include'."),
            ("{% render 'header' %}", 1, "Template: unexpected tag 'render'."),
            ("{% tablerow x in contact.tags %}{% endtablerow %}", 1, "Template: unexpected tag 'tablerow'."),
            ("{% extends 'x' %}", 1, "Template: unexpected tag 'extends'."),
            ("{% nonsense %}", 1, "Template: unexpected tag 'nonsense'."),
            ("{{7*7}}", 1, "Template: unexpected '*'."),
            ("{{ contact.first_name", 1, "Template: `{{` is not closed."),
            ("a\nb {% if contact", 2, "Template: `{%` is not closed."),
            ("{% if contact.x %}", 1, "Template: "),
            ("{% endif %}", 1, "Template: unexpected tag 'endif'."),
            ("{% if %}x{% endif %}", 1, "Template: missing expression."),
            ("{{ }}", 1, "Template: there is nothing between the braces."),
            ("{{ contact. }}", 1, "Template: "),
            ("{{ contact.x | default: }}x{{ | }}", 1, "Template: "),
            ("{{ 'x }}", 1, "Template: "),
        ],
    )
    def test_refuses_with_the_line(self, source, line, message):
        problem = problem_of(source)
        assert problem.message.startswith(message)
        assert problem.line == line

    def test_repeats_only_the_beginning_of_a_long_name(self):
        assert len(problem_of("{{ " + "x" * 8000 + " }}").message) < 300

    def test_takes_other_roots_when_told(self):
        assert validate_template("{{ inputs.x }}", roots=("inputs",)).source
        with pytest.raises(TemplateProblem):
            validate_template("{{ contact.x }}", roots=("inputs",))


class TestVariables:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("plain", set()),
            ("{{ contact.first_name }}", {("contact", "first_name")}),
            ("{{ steps.send_email.message_id }}", {("steps", "send_email", "message_id")}),
            ("{{ steps['send_email'].message_id }}", {("steps", "send_email", "message_id")}),
            ("{{ steps[trigger.key].to }}", {("steps",), ("trigger", "key")}),
            ("{{ trigger.items[0].name }}", {("trigger", "items", "0", "name")}),
            ("{% assign x = steps.a.b %}{{ x.c }}", {("steps", "a", "b")}),
            ("{% for t in contact.tags %}{{ t }}{% endfor %}", {("contact", "tags")}),
            ("{{ contact.x | default: steps.a.b }}", {("contact", "x"), ("steps", "a", "b")}),
            ("{% if steps.a.done %}{% endif %}", {("steps", "a", "done")}),
            ("{% liquid\n echo steps.a.b %}", {("steps", "a", "b")}),
        ],
    )
    def test_are_those_from_outside(self, source, expected):
        assert compile_template(source).variables == expected


class TestTemplatesIn:
    def test_finds_every_text_with_its_path(self):
        value = {"a": "x", "b": [{"c": "{{ y }}"}, 7, None], "d": True}
        assert list(templates_in(value)) == [("a", "x"), ("b.0.c", "{{ y }}")]
        assert list(templates_in(value, "action_config"))[1] == ("action_config.b.0.c", "{{ y }}")
