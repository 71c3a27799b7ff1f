"""What scripts may use, return and say, and what becomes of their mistakes."""

import pytest

from workflows.sandbox import CODE_BYTES, ErrorKind, Limits, run, syntax_error
from workflows.sandbox.values import INPUT_BYTES, LOG_CHARACTERS, LOG_LINES

QUICK = Limits(timeout_ms=200, memory_mb=16)
PATIENT = Limits(timeout_ms=5000, memory_mb=16)


def error_of(code: str, limits: Limits = QUICK, **inputs: object) -> tuple[ErrorKind, str]:
    """Return the error of a script; a machine that was too busy to run it is asked again."""
    for _ in range(5):
        result = run(code, inputs, limits)
        if result.error.kind is not ErrorKind.STARVED:
            break
    assert result.value == {}
    return result.error.kind, str(result.error)


class TestAScript:
    def test_returns_an_object(self):
        result = run("return {sum: numbers[0] + numbers[1], who}", {"numbers": [1, 2], "who": {"name": "Ada ∑"}})
        assert (result.ok, result.value, result.error, list(result.logs)) == (
            True,
            {"sum": 3, "who": {"name": "Ada ∑"}},
            None,
            [],
        )

    def test_awaits(self):
        code = "const values = await Promise.all([1, 2].map(async (n) => (await n) * 2)); return {values};"
        assert run(code, {}).value == {"values": [2, 4]}

    def test_ends_when_its_promise_is_settled(self):
        code = "const spin = () => Promise.resolve().then(spin); spin(); return {done: true};"
        assert run(code, {}, QUICK).value == {"done": True}

    def test_sees_dates_in_utc(self):
        code = "const d = new Date(2026, 0, 31); d.setMonth(d.getMonth() + 1); return {d, at: d.getHours()};"
        assert run(code, {}).value == {"d": "2026-03-03T00:00:00.000Z", "at": 0}

    def test_draws_other_numbers_each_time(self):
        first, second = (run("return {x: Math.random()}", {}).value["x"] for _ in range(2))
        assert first != second

    @pytest.mark.parametrize(
        ("returned", "kept"),
        [
            ("'a\\0b'", "ab"),
            ("'\\ud83d\\ude00'", "😀"),
            ("'x\\ud800y'", "x\ufffdy"),
            ("2 ** 53", 2**53),
            ("2 ** 60", float(2**60)),
            ("JSON.rawJSON('9'.repeat(5000))", None),
            ("JSON.rawJSON('9007199254740993')", 2**53),
            ("1e300", 1e300),
            ("Infinity", None),
            ("NaN", None),
            ("-0", 0),
            ("undefined", "absent"),
            ("() => 0", "absent"),
            ("new Date(0)", "1970-01-01T00:00:00.000Z"),
            ("new Map([[1, 2]])", {}),
            ("[undefined, () => 0]", [None, None]),
            ("{['\\ud800']: 1}", {"\ufffd": 1}),
        ],
    )
    def test_keeps_what_json_can_hold(self, returned, kept):
        assert run(f"return {{x: {returned}}}", {}).value.get("x", "absent") == kept


class TestAMistake:
    @pytest.mark.parametrize(
        ("code", "kind", "words"),
        [
            ("let a;\n  a.b = 1", ErrorKind.THROWN, "Line 2: TypeError: cannot set property 'b' of undefined"),
            ("await 1;\n\nfoo()", ErrorKind.THROWN, "Line 3: ReferenceError: foo is not defined"),
            ("throw new RangeError('no')", ErrorKind.THROWN, "Line 1: RangeError: no"),
            ("throw {a: 1}", ErrorKind.THROWN, '{"a":1}'),
            ("throw null", ErrorKind.THROWN, "null"),
            ("x = 1", ErrorKind.THROWN, "Line 1: ReferenceError: x is not defined"),
            (
                "await new Promise(() => {})",
                ErrorKind.THROWN,
                "The code waits for a promise that nothing resolves; there are no timers and no requests.",
            ),
            ("const f = () => f(); f()", ErrorKind.THROWN, "Line 1: RangeError: Maximum call stack size exceeded"),
            ("for (;;);", ErrorKind.TIME, "The code was still running after 200 ms."),
            ("for (;;) await 1;", ErrorKind.TIME, "The code was still running after 200 ms."),
            (
                "const all = []; for (;;) all.push([1]);",
                ErrorKind.MEMORY,
                "The code needs more than 16 MB of memory.",
            ),
            (
                "",
                ErrorKind.VALUE,
                "The code must return an object, such as `return {score: 10}`; it returned nothing.",
            ),
            (
                "return [1]",
                ErrorKind.VALUE,
                "The code must return an object, such as `return {score: 10}`; it returned a list.",
            ),
            (
                "return null",
                ErrorKind.VALUE,
                "The code must return an object, such as `return {score: 10}`; it returned null.",
            ),
            (
                "return {a: 'x'.repeat(70000)}",
                ErrorKind.VALUE,
                "What the code returned cannot be kept as JSON: it has 70008 characters, and 65536 fit.",
            ),
            ("return {a: '∑'.repeat(30000)}", ErrorKind.VALUE, "What the code returned has more than 64 KB as JSON."),
            (
                "let o = {}; for (let i = 0; i < 40; i++) o = {o}; return o",
                ErrorKind.VALUE,
                "What the code returned is nested deeper than 32 levels.",
            ),
            ("return {a: 1n}", ErrorKind.VALUE, "What the code returned cannot be kept as JSON: BigInt are forbidden"),
            (
                "const o = {}; o.o = o; return o",
                ErrorKind.VALUE,
                "What the code returned cannot be kept as JSON: circular reference.",
            ),
            ("let y = ;", ErrorKind.SYNTAX, "Line 1, column 9: unexpected token in expression: ';'"),
        ],
    )
    def test_is_told(self, code, kind, words):
        told, message = error_of(code, PATIENT if kind is ErrorKind.MEMORY else QUICK)
        assert told is kind
        if kind is ErrorKind.TIME:  # it may end within the line, or between two steps of it
            message = message.removeprefix("Line 1: ")
        assert message.startswith(words)

    def test_does_not_take_the_log_along(self):
        for _ in range(5):  # on a busy machine the clock may kill it before it hands its log over
            result = run("console.log('first'); for (;;);", {}, Limits(timeout_ms=30))
            if result.logs:
                break
        assert (list(result.logs), result.error.kind) == (["first"], ErrorKind.TIME)
        result = run("console.log('first'); throw 1", {}, QUICK)
        assert (list(result.logs), result.error.kind) == (["first"], ErrorKind.THROWN)
        fill = "console.log('first'); const all = []; for (;;) all.push('x'.repeat(99) + all.length)"
        result = run(fill, {}, Limits(timeout_ms=2000, memory_mb=16))
        assert (list(result.logs), result.error.kind) == (["first"], ErrorKind.MEMORY)

    def test_in_a_long_script_has_its_line(self):
        code = "// nothing\n" * 700 + "foo()"
        assert run(code, {}).error.line == 701

    def test_of_ours_is_an_exception(self):
        with pytest.raises(ValueError, match="a script has at most 20480 bytes"):
            run("x" * (CODE_BYTES + 1), {})
        with pytest.raises(ValueError, match="what a script is given has at most 1048576 bytes"):
            run("return {}", {"x": "x" * INPUT_BYTES})

    def test_are_counted_in_bytes_of_utf_8(self):
        assert run("return {length: x.length}", {"x": "∑" * 340_000}).value == {"length": 340_000}
        assert run("return {x}", {"x": "a\ud800\u2028"}).value == {"x": "a?\u2028"}

    def test_that_do_not_fit_into_its_memory_are_its_memory(self):
        given = {"x": [{"a": [1, 2, 3]}] * 40_000}
        assert error_of("return {}", PATIENT, **given)[0] is ErrorKind.MEMORY


class TestConsole:
    def test_keeps_lines_as_people_read_them(self):
        code = (
            "console.log('a', 1, null, undefined, {b: [true]}); console.warn(new TypeError('x'), 10n, Symbol('s'));"
            "console.info(); console.error(console); console.debug('z'); return {};"
        )
        assert list(run(code, {}).logs) == [
            'a 1 null undefined {"b":[true]}',
            "TypeError: x 10 Symbol(s)",
            "",
            "{}",
            "z",
        ]

    def test_keeps_so_many_lines(self):
        logs = run("for (let i = 0; i < 1e4; i++) console.log(i); return {}", {}).logs
        assert list(logs) == [*map(str, range(LOG_LINES)), "… further lines were left out"]

    def test_keeps_so_many_characters(self):
        logs = run("for (let i = 0; i < 1e3; i++) console.log('x'.repeat(5e3)); return {}", {}).logs
        assert {len(line) for line in logs[:-1]} == {1000}
        assert logs[0].endswith("x…")
        assert logs[-1] == "… further lines were left out"
        assert sum(map(len, logs)) <= LOG_CHARACTERS + 50


class TestTheCheck:
    def test_finds_line_and_column(self):
        error = syntax_error("let x = 1;\nlet y = ;", ("contact",))
        assert (error.kind, error.line, error.column) == (ErrorKind.SYNTAX, 2, 9)
        assert str(error) == "Line 2, column 9: unexpected token in expression: ';'"

    @pytest.mark.parametrize(
        ("code", "line", "column"),
        [
            ("const a = 1;\nreturn {a", 2, 10),
            ("if (1) {\n  return {};\n", 3, 1),
            ("return {a: 1}}", 1, 15),
            ("return {a: `x${", 1, 16),
        ],
    )
    def test_finds_what_is_missing_at_the_end(self, code, line, column):
        error = syntax_error(code, ())
        assert (error.line, error.column) == (line, column)
        assert error.message.startswith("The code ends while something is still open, or closes more than it opened")

    @pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\u2029"])
    def test_counts_lines_however_they_end(self, line_break):
        assert syntax_error(line_break.join(["let a;", "", "let b = ;"]), ()).line == 3
        assert run(line_break.join(["let a;", "", "b()"]), {}).error.line == 3

    def test_knows_the_names_that_are_taken(self):
        assert str(syntax_error("let contact = 1", ("contact",))).startswith("Line 1, column ")
        assert syntax_error("let contact = 1", ()) is None

    @pytest.mark.parametrize("code", ["", "return {}", "await 1", "for (;;);", "throw 1", "// only a remark", "x = 1"])
    def test_runs_nothing(self, code):
        assert syntax_error(code, ()) is None

    @pytest.mark.parametrize("code", ["return {", "yield 1", "import 'x'", "export {}", "with (a) {}", "let let", "'"])
    def test_refuses(self, code):
        assert syntax_error(code, ()).kind is ErrorKind.SYNTAX
