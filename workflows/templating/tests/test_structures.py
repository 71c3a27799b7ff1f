import pytest

from workflows.templating import RenderProblem, render_structure

CONTEXT = {"contact": {"first_name": 'A"da'}}


class TestRenderStructure:
    def test_renders_texts_and_keeps_the_rest(self):
        value = {"name": "{{ contact.first_name }}", "{{ key }}": 1, "list": ["{{ contact.x }}", None, True, 1.5]}
        assert render_structure(value, CONTEXT) == {"name": 'A"da', "{{ key }}": 1, "list": ["", None, True, 1.5]}

    def test_leaves_the_original_alone(self):
        value = {"list": ["{{ contact.first_name }}"]}
        render_structure(value, CONTEXT)
        assert value == {"list": ["{{ contact.first_name }}"]}

    def test_shares_the_limit_among_all_texts(self):
        assert render_structure(["abc", "def"], CONTEXT, limit=6) == ["abc", "def"]
        with pytest.raises(RenderProblem):
            render_structure(["abc", "{{ contact.first_name }}"], CONTEXT, limit=6)

    def test_shares_the_work_among_all_texts(self):
        loop = "{% for i in (1..3000) %}{{ i }}{% endfor %}"
        assert len(render_structure([loop] * 2, CONTEXT)) == 2
        with pytest.raises(RenderProblem, match="too much work"):
            render_structure([loop] * 3, CONTEXT)

    def test_refuses_deep_nesting(self):
        value = "x"
        for _ in range(40):
            value = [value]
        with pytest.raises(RenderProblem, match="nested deeper"):
            render_structure(value, CONTEXT)
