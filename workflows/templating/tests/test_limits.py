"""Templates that would like to be expensive."""

import time

import pytest

from workflows.templating import RenderProblem, TemplateProblem, compile_template, validate_template
from workflows.templating.compiled import CACHE_LIMIT, _cache

DOUBLING = "{% assign s = 'aaaaaaaaaaaaaaaa' %}" + "{% assign s = s | append: s %}" * 40
LONG = "{% assign s = 'aaaaaaaaaaaaaaaa' %}" + "{% assign s = s | append: s %}" * 12
EXPENSIVE = {
    "endless loop": "{% for i in (1..100000000000) %}{{ i }}{% endfor %}",
    "range without len": "{% for i in (1..99999999999999999999999) %}{{ i }}{% endfor %}",
    "loop over a reversed range": "{% for i in (1..1000000000) reversed %}{{ i }}{% endfor %}",
    "nested loops": "{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}",
    "blank loops": "{% for i in (1..9999) %}{% for j in (1..9999) %} {% endfor %}{% endfor %}",
    "loops behind loops": "{% for i in (1..9999) %}{{ i }}{% endfor %}" * 400,
    "big body": "{% for i in (1..9999) %}" + "{{ i }}" * 5000 + "{% endfor %}",
    "blank body": "{% for i in (1..9999) %}" + "{% if i %} {% endif %}" * 2500 + "{% endfor %}",
    "doubling": DOUBLING,
    "doubling captures": "{% assign s = 'aaaa' %}" + "{% capture s %}{{ s }}{{ s }}{% endcapture %}" * 30,
    "replacing": "{{ 'aaaa' " + "| replace: 'a', 'aaaa' " * 40 + "}}",
    "replacing nothing": LONG + "{{ s | replace: '', s }}",
    "joining": LONG + "{{ s | split: '' | join: s }}",
    "splitting": LONG + "{{ s | split: '' }}",
    "reversing a range": "{{ (1..1000000000) | reverse | first }}",
    "sorting a range": "{{ (1..1000000000) | sort | first }}",
    "joining a range": "{{ (1..1000000000) | join: '' }}",
    "mapping a range": "{{ (1..1000000000) | map: 'x' }}",
    "summing a range": "{{ (1..1000000000) | sum }}",
    "concatenating": "{% assign a = (1..9999) | map: 'x' %}" + "{% assign a = a | concat: a %}" * 30,
    "many filters over a long text": LONG + ("{{ s " + "| upcase | downcase " * 400 + "| size }}") * 7,
    "many filters in a loop": LONG + "{% for i in (1..9999) %}{% assign t = s | upcase | downcase %}{% endfor %}",
    "searching in a loop": LONG + "{% for i in (1..9999) %}{% if s contains 'b' %}{% endif %}{% endfor %}",
    "distinct items": "{{ (1..9999) | uniq | size }}",
    "growing number": "{% assign n = 99999999 %}" + "{% assign n = n | times: n %}" * 20,
    "wide padding": "{{ 'now' | date: '" + "%999999999d" * 20 + "' }}",
    "long date format": "{{ 'now' | date: '" + "%c" * 300 + "' }}",
    "output": "{% for i in (1..9999) %}" + "x" * 200 + "{% endfor %}",
    "nul": "{{ '%00' | url_decode }}",
    "division by zero": "{{ 1 | divided_by: 0 }}",
    "infinity": "{{ '1e999' | ceil }}",
    "bad base64": "{{ 'x' | base64_decode }}",
    "bad bytes": "{{ '/w==' | base64_decode }}",
    "too few arguments": "{{ 'x' | replace }}",
    "too many arguments": "{{ 'x' | upcase: 1, 2, 3 }}",
    "unknown arguments": "{{ 'x' | default: 'y', context: 1 }}",
}
UNREADABLE = {
    "deep blocks": "{% if a %}" * 100 + "{% endif %}" * 100,
    "deep paths": "{{ contact" + "[contact" * 5000 + "]" * 5000 + " }}",
    "long conditions": "{% if " + "contact or " * 5000 + " contact %}x{% endif %}",
    "openings": "{{" * 30_000,
    "tag openings": "{%" * 30_000,
    "raws": "{% raw %}" * 7_000,
    "spaces behind an opening": "{{" + " " * 60_000,
    "spaces between braces": "{{" + " " * 60_000 + "}}",
    "spaces around a name": "{% if" + " " * 30_000 + "a" + " " * 30_000 + "%}",
    "comments": "{% comment %}" * 4_000,
    "brackets": "{{ a" + "[" * 8_000 + "}}",
    "quotes": "{{ '" * 10_000,
}


class TestLimits:
    @pytest.mark.parametrize("source", EXPENSIVE.values(), ids=EXPENSIVE)
    @pytest.mark.parametrize("html", [False, True], ids=["text", "html"])
    def test_stop_a_rendering_soon(self, source, html):
        template = compile_template(source, html=html)
        began = time.process_time()
        with pytest.raises(RenderProblem):
            template.render({})
        assert time.process_time() - began < 1

    @pytest.mark.parametrize("source", UNREADABLE.values(), ids=UNREADABLE)
    def test_stop_a_parsing_soon(self, source):
        began = time.process_time()
        with pytest.raises(TemplateProblem):
            validate_template(source)
        assert time.process_time() - began < 1

    def test_bound_the_source(self):
        with pytest.raises(TemplateProblem, match="A template has at most 64 KB"):
            validate_template("ü" * 33_000)
        assert validate_template("ü" * 32_000).is_plain

    def test_bound_the_output_to_what_the_caller_wants(self):
        assert compile_template("{{ x }}").render({"x": "äöü"}, limit=6) == "äöü"
        with pytest.raises(RenderProblem, match="output stream limit reached"):
            compile_template("{{ x }}").render({"x": "äöü"}, limit=5)
        with pytest.raises(RenderProblem, match="The text is longer than 2 bytes"):
            compile_template("abc").render({}, limit=2)

    def test_allow_a_megabyte(self):
        text = "x" * (1024 * 1024)
        assert compile_template("{{ x }}").render({"x": text}) == text
        with pytest.raises(RenderProblem):
            compile_template("{{ x }}y").render({"x": text})

    def test_allow_ordinary_loops(self):
        items = [{"name": f"Item {number}", "price": number} for number in range(500)]
        source = "{% for item in items %}{{ item.name }}: {{ item.price | times: 2 }}\n{% endfor %}"
        assert compile_template(source).render({"items": items}).count("\n") == 500

    def test_do_not_depend_on_what_was_rendered_before(self):
        template = compile_template("{% for i in (1..5000) %}{{ i }}{% endfor %}")
        assert len({template.render({}) for _ in range(50)}) == 1

    def test_keep_the_cache_small(self):
        for number in range(60):
            compile_template(f"{{{{ contact.n{number} }}}}" + "x" * 60_000)
        assert _cache._size <= CACHE_LIMIT
        assert _cache._size == sum(len(source) for source, _ in _cache._templates)
