"""Which properties of a variable a script names, read off its text without running it.

Comments, strings, the text of template literals and regular expressions name nothing. What a script puts together
while it runs (`steps[key]`) is not known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>\?\.(?!\d)|\.\.\.|=>|[=!]==?|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGULAR_EXPRESSION = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
_LINE = re.compile(r"(?:\\.|[^\\\n])*", re.DOTALL)
_TEMPLATE_TEXT = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*", re.DOTALL)
_BEFORE_VALUES = frozenset({"return", "typeof", "case", "in", "of", "await", "void", "delete", "throw", "else", "do"})
_OPEN, _CLOSED = frozenset("{[("), frozenset("}])")


_LONGEST_PATTERN = 200
"""Tokens of a pattern that takes a variable apart."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`name`, `text` (of a string), `number` or `sign`."""
    value: str


_NOTHING = _Token("sign", "")


def properties_named(code: str, variable: str) -> set[str]:
    """Return the properties of a variable that a script names.

    Found are `steps.sms`, `steps?.sms`, `steps["sms"]` and `const { sms, mail: other } = steps`.
    """
    tokens = list(_tokens(code))
    wanted = _Token("name", variable)
    found = set()
    for place, token in enumerate(tokens):
        if token != wanted or (place and tokens[place - 1].value in (".", "?.")):
            continue
        following = tokens[place + 1 : place + 4]
        if following and following[0].value == "?." and following[1:2] == [_Token("sign", "[")]:
            following = tokens[place + 2 : place + 5]
        first, second = [*following, _NOTHING, _NOTHING][:2]
        if (first.value in (".", "?.") and second.kind == "name") or (first.value == "[" and second.kind == "text"):
            found.add(second.value)
        elif place > 1 and tokens[place - 1].value == "=" and tokens[place - 2].value == "}":
            found |= _taken_apart(tokens[max(place - 1 - _LONGEST_PATTERN, 0) : place - 1])
    return found


def _taken_apart(tokens: list[_Token]) -> set[str]:
    """Return the properties that a pattern at the end of the tokens, `{ sms, mail: other }`, takes."""
    found, depth, place = set(), 0, len(tokens)
    while place:
        place -= 1
        token = tokens[place]
        if token.kind == "sign":
            depth += (token.value in _CLOSED) - (token.value in _OPEN)
        if depth == 0:
            break
        is_first = place > 0 and tokens[place - 1].kind == "sign" and tokens[place - 1].value in ("{", ",")
        if depth == 1 and token.kind in ("name", "text") and is_first:
            found.add(token.value)
    return found


def _tokens(code: str) -> Iterator[_Token]:
    """Yield what counts of a script, in its order; the code inside `${…}` comes where it stands."""
    position, braces = 0, [0]
    last = _Token("sign", "")
    unclosed = dict.fromkeys("'\"/", 0)  # up to where no text or regular expression that begins so ends
    while position < len(code):
        if code[position] == "`" or (code[position] == "}" and len(braces) > 1 and braces[-1] == 0):
            if code[position] == "}":
                braces.pop()
            started = position + 1
            text = _TEMPLATE_TEXT.match(code, started)
            assert text is not None, "it may be empty"
            position = text.end()
            if code.startswith("${", position):
                braces.append(0)
                position += 2
                last = _Token("sign", "(")
            else:
                position += 1
                last = _Token("text", text[0])
                if code[started - 1] == "`":
                    yield last
            continue
        if position < unclosed.get(code[position], 0) and not code.startswith(("//", "/*"), position):
            last = _Token("sign", code[position])
            position += 1
            yield last
            continue
        if code[position] == "/" and not code.startswith(("//", "/*"), position) and _begins_value(last):
            literal = _REGULAR_EXPRESSION.match(code, position)
            if literal:
                position, last = literal.end(), _Token("number", "0")
                yield last
                continue
            unclosed["/"] = _end_of_line(code, position)
        match = _TOKEN.match(code, position)
        assert match is not None, "any character is a sign"
        if match[0] in ("'", '"'):
            unclosed[match[0]] = _end_of_line(code, position)
        position = match.end()
        kind = str(match.lastgroup)
        if kind == "blank":
            continue
        value = match[0][1:-1] if kind == "text" else match[0]
        if kind == "sign" and value in "{}":
            braces[-1] += 1 if value == "{" else -1
        last = _Token(kind, value)
        yield last


def _end_of_line(code: str, position: int) -> int:
    """Return where the line ends, or the last of those that a backslash puts together."""
    line = _LINE.match(code, position)
    assert line is not None, "it may be empty"
    return line.end()


def _begins_value(last: _Token) -> bool:
    """Tell whether a `/` behind this begins a regular expression; else it divides."""
    if last.kind == "sign":
        return last.value not in _CLOSED
    return last.kind == "name" and last.value in _BEFORE_VALUES
