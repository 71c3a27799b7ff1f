"""Scripts that try to get out of the sandbox, and a fresh run after each."""

import pytest

from workflows.sandbox import ErrorKind, Limits, run, syntax_error
from workflows.sandbox.template import Templates
from workflows.sandbox.tests.escapes import BOMBS, BREAKOUTS, ESCAPES
from workflows.sandbox.tests.injected import ATTACKS, BOOT

QUICK = Limits(timeout_ms=150, memory_mb=16)
DATA = {
    "name": "Ada",
    "list": [1, 2, 3],
    "nested": {"deep": {"value": 1}},
    "length": {"value": 1},
    "__proto__": {"polluted": True},
}
SEEN_AFTERWARDS = """
const plain = [{}, [], () => 0, "", 1, Promise.resolve(), globalThis];
return {
  clean: plain.every((each) => each.left === undefined && each.polluted === undefined),
  text: JSON.stringify([1]) + [1, 2].join() + "abc".slice(1) + String(1),
  awaited: await Promise.resolve(7),
  data,
};
"""


def fresh() -> dict:
    result = run(SEEN_AFTERWARDS, {"data": {"name": "Ada"}})
    assert result.error is None
    return result.value


class TestTheSandbox:
    def test_is_attacked_by_many_scripts(self):
        assert len(ESCAPES) >= 100
        assert len(BOMBS) == 12

    @pytest.mark.parametrize("name", ESCAPES)
    def test_lets_no_script_out(self, name):
        result = run(ESCAPES[name], {"data": DATA}, QUICK)
        assert result.value.get("escaped") is not True
        assert all("\0" not in line for line in result.logs)

    @pytest.mark.parametrize("body", BREAKOUTS)
    def test_runs_nothing_beside_the_function(self, body):
        assert syntax_error(body, ("data",)).kind is ErrorKind.SYNTAX
        assert run(body, {"data": DATA}, QUICK).error.kind is ErrorKind.SYNTAX

    @pytest.mark.parametrize("name", [name for name in ESCAPES if name.startswith(("pollution", "symbols"))])
    def test_is_as_new_after_it(self, name):
        run(ESCAPES[name], {"data": DATA}, QUICK)
        assert fresh() == {"clean": True, "text": "[1]1,2bc1", "awaited": 7, "data": {"name": "Ada"}}


@pytest.fixture(scope="module")
def captured():
    """A template whose cells run Python, as if the engine had been taken over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.sandbox.template.BOOT", BOOT)
        templates = Templates()
        patch.setattr("workflows.sandbox.running.templates", templates)
        yield
        templates.end()


@pytest.mark.usefixtures("captured")
class TestALockedCell:
    def test_would_tell_what_python_reaches(self):
        assert run("reached = 1 + 1", {"attack": True}).value == {"reached": "2"}

    @pytest.mark.parametrize("name", ATTACKS)
    def test_reaches_nothing(self, name):
        result = run(ATTACKS[name], {"attack": True}, QUICK)
        assert result.value == {}
        assert result.error.kind is ErrorKind.STOPPED
        assert result.error.message == "The code did what it may not, and was stopped (SIGSYS)."

    def test_can_say_nothing_but_an_answer(self):
        for words in ("b'x' * (1 << 22)", "b'{}'", "b'[]'", "b'\\xff'", "b'[' * 100000", "b'{\"logs\": 1}'"):
            result = run(f"cell.write({words}); os._exit(0)", {"attack": True})
            assert (result.value, result.error.kind) == ({}, ErrorKind.STOPPED)

    @pytest.mark.parametrize(
        "answer",
        [
            {"value": "{}", "error": {"kind": "nonsense", "message": "", "line": None, "column": None}, "logs": []},
            {"value": "{}", "error": None, "logs": [1]},
            {"value": 7, "error": None, "logs": []},
            {"value": '{"a": NaN', "error": None, "logs": []},
            {"error": None, "logs": []},
        ],
    )
    def test_is_not_believed(self, answer):
        result = run(f"cell.write(json.dumps({answer!r}).encode()); os._exit(0)", {"attack": True})
        assert (result.value, result.error.kind) == ({}, ErrorKind.STOPPED)

    def test_puts_no_word_into_a_message_that_a_database_cannot_hold(self):
        answer = {"value": "\0\ud800", "error": None, "logs": []}
        result = run(f"cell.write(json.dumps({answer!r}).encode()); os._exit(0)", {"attack": True})
        assert str(result.error).endswith("it returned \ufffd.")
