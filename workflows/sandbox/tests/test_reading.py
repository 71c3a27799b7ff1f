"""What scripts name."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.sandbox.reading import properties_named


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return { a: steps.sms.sid };", {"sms"}),
        ("return { a: steps . sms };", {"sms"}),
        ("return { a: steps?.sms?.sid };", {"sms"}),
        ("return { a: steps['sms'].sid, b: steps[\"mail\"] };", {"sms", "mail"}),
        ("return { a: steps?.['sms'] };", {"sms"}),
        ("return { a: steps[`sms`] };", {"sms"}),
        ("return { ...steps.sms };", {"sms"}),
        ("const { sms, mail: other, 'call': third, ...rest } = steps;", {"sms", "mail", "call"}),
        ("const { sms: { sid }, mail = { a: 1 } } = steps;", {"sms", "mail"}),
        ("const { sms } = inputs;", set()),
        ("const { sms } = steps.mail;", {"mail"}),
        ("return { text: `You got ${steps.sms.sid} and ${`${steps.mail.to}`}.` };", {"sms", "mail"}),
        ("return { text: `steps.sms` };", set()),
        ("return { text: `a } steps.sms { ${1} steps.mail` };", set()),
        ("return { text: `${ {a: {b: steps.sms}}.a.b } steps.mail`, c: steps.call };", {"sms", "call"}),
        ("// steps.sms\nreturn {};", set()),
        ("/* steps.sms */ return { url: 'https://a.example/' + steps.mail };", {"mail"}),
        ("return { a: 'steps.sms', b: \"it's steps.mail\" };", set()),
        ("return { a: trigger.steps.sms, b: trigger?.steps.mail };", set()),
        ("return { a: mysteps.sms, b: steps2.mail, $steps: 1 };", set()),
        ("const key = 'sms'; return { a: steps[key], b: Object.keys(steps).length };", set()),
        ("return { a: contact.name.replace(/[\"'`]/g, ''), b: steps.sms };", {"sms"}),
        ("return { a: /steps.sms/.test(contact.name) };", set()),
        ("return { a: 8 / steps.sms.count / 2, b: (1) / steps.mail.count };", {"sms", "mail"}),
        ("return { a: x => /`/.test(x), b: steps.sms };", {"sms"}),
        ("if (steps.sms) { return { a: `${steps.mail}` }; } return { b: steps.call };", {"sms", "mail", "call"}),
        ("return { a: 'it\\'s', b: steps.sms };", {"sms"}),
        ("", set()),
        ("steps", set()),
        ("steps.", set()),
        ("`${", set()),
        ("= steps", set()),
        ("} = steps", set()),
    ],
)
def test_finds_what_is_named(code: str, expected: set[str]) -> None:
    assert properties_named(code, "steps") == expected


@given(st.text(alphabet="`${}'\"/\\*steps.a[]=,: \n?", max_size=60))
def test_reads_any_text(code: str) -> None:
    properties_named(code, "steps")


@pytest.mark.parametrize(
    "part", ["`${", "{", "/", "steps", "'", "/*", "[", "} = steps;", "\\", "$", "`", "'\\", "/[", "/\\", "'\\'\\\n"]
)
def test_is_done_with_the_largest_script_in_no_time(part: str) -> None:
    code = (part * 20_480)[: 20 * 1024]
    began = time.process_time()
    properties_named(code, "steps")
    assert time.process_time() - began < 1
