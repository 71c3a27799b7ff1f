import io
import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.api.parsers import MAXIMUM_BYTES, MAXIMUM_DEPTH, loads, read_at_most
from accounts.api.refusals import InvalidJSON, TooLarge

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


class TestLoads:
    @given(JSON_VALUES)
    def test_reads_what_json_writes(self, value: object) -> None:
        assert loads(json.dumps(value).encode()) == value
        assert loads(json.dumps(value, ensure_ascii=False).encode()) == value

    @given(st.binary())
    def test_refuses_or_reads_any_bytes(self, body: bytes) -> None:
        with suppress(InvalidJSON):
            loads(body)

    @pytest.mark.parametrize(
        ("body", "detail"),
        [
            (b"", "The body is not JSON: Expecting value (line 1, column 1)."),
            (b'{"a": }', "The body is not JSON: Expecting value (line 1, column 7)."),
            (b'{"a": 1, "b": {"c": 1, "c": 2}}', 'The key "c" is given twice in one object.'),
            (b"[NaN]", "NaN is not a JSON value."),
            (b"[-Infinity]", "-Infinity is not a JSON value."),
            (b"[1e999]", "The number 1e999 is too large to be stored."),
            (b"[-1e999]", "The number -1e999 is too large to be stored."),
            (b'["\\u0000"]', "Texts must not contain the NUL character (\\u0000)."),
            (b'{"\\u0000": 1}', "Texts must not contain the NUL character (\\u0000)."),
            (b'["\\uD834"]', "Texts must not contain lone surrogates (\\ud800 to \\udfff)."),
            (b'"\xff"', "The body is not UTF-8: byte 1 cannot be read."),
            (b"[" * 33 + b"]" * 33, "The body is nested deeper than 32 levels."),
            (b'{"a":' * 33 + b"1" + b"}" * 33, "The body is nested deeper than 32 levels."),
        ],
    )
    def test_says_what_is_wrong(self, body: bytes, detail: str) -> None:
        with pytest.raises(InvalidJSON) as refusal:
            loads(body)
        assert refusal.value.detail == detail
        assert refusal.value.detail.code == "invalid_json"

    @pytest.mark.parametrize("number", [2**63 - 1, -(2**63) + 1, 0, -1])
    def test_reads_integers_that_fit_64_bits(self, number: int) -> None:
        assert loads(str(number).encode()) == number

    @pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775808", "1" + "0" * 400, "9" * 5000])
    def test_refuses_larger_integers(self, number: str) -> None:
        with pytest.raises(InvalidJSON, match="too large"):
            loads(number.encode())

    def test_reads_what_only_looks_hostile(self) -> None:
        assert loads(rb'["\\u0000", "\\ud800", "[[[[", "\ud83d\ude00"]') == ["\\u0000", "\\ud800", "[[[[", "😀"]

    @pytest.mark.parametrize("depth", [1, MAXIMUM_DEPTH - 1, MAXIMUM_DEPTH, MAXIMUM_DEPTH + 1, MAXIMUM_DEPTH * 2, 500])
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[1,{"]":', "},[]]")])
    def test_takes_depth_up_to_the_limit(self, depth: int, opening: str, closing: str) -> None:
        levels = -(-depth // sum(map(opening.count, "[{")))
        body = (opening * levels + "1" + closing * levels).encode()
        actual = levels * sum(map(opening.count, "[{"))
        if actual <= MAXIMUM_DEPTH:
            assert loads(body)
        else:
            with pytest.raises(InvalidJSON, match="deeper"):
                loads(body)

    def test_counts_depth_and_not_brackets(self) -> None:
        assert loads(b"[" * MAXIMUM_DEPTH + b"]" * MAXIMUM_DEPTH)
        assert len(loads(b"[" + b",".join([b"[]"] * 1000) + b"]")) == 1000
        assert loads(b'["' + b"[" * 1000 + b'"]') == ["[" * 1000]
        assert loads(b'["\\"' + b"[" * 1000 + b'"]') == ['"' + "[" * 1000]

    @pytest.mark.parametrize(
        "body",
        [
            b"[" * MAXIMUM_BYTES,
            b'{"a":' * 200_000,
            b'["' + b'\\"' * 500_000,
            b"[" + b"[]," * 300_000,
            b"9" * MAXIMUM_BYTES,
        ],
        ids=["lists", "objects", "escapes", "siblings", "digits"],
    )
    def test_refuses_a_megabyte_of_malice_in_linear_time(self, body: bytes) -> None:
        started = time.thread_time()
        with pytest.raises(InvalidJSON):
            loads(body)
        assert time.thread_time() - started < 20  # minutes, were it quadratic


class TestReadAtMost:
    def test_reads_the_largest_body(self) -> None:
        assert len(read_at_most(io.BytesIO(b"x" * MAXIMUM_BYTES))) == MAXIMUM_BYTES

    def test_believes_a_declared_length_that_is_too_large(self) -> None:
        stream = io.BytesIO(b"{}")
        with pytest.raises(TooLarge):
            read_at_most(stream, declared=MAXIMUM_BYTES + 1)
        assert stream.tell() == 0

    @pytest.mark.parametrize("error", [OSError("reset"), ValueError("bad chunk")])
    def test_refuses_a_body_that_cannot_be_read_to_its_end(self, error: Exception) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                raise error

        with pytest.raises(InvalidJSON, match="could not be read"):
            read_at_most(Broken())

    def test_refuses_a_body_that_is_shorter_than_declared(self) -> None:
        with pytest.raises(InvalidJSON, match="ended after 2 of 100 bytes"):
            read_at_most(io.BytesIO(b"{}"), declared=100)

    def test_does_not_believe_a_declared_length_that_is_too_small(self) -> None:
        stream = io.BytesIO(b"x" * (MAXIMUM_BYTES * 3))
        with pytest.raises(TooLarge):
            read_at_most(stream, declared=1)
        assert stream.tell() == MAXIMUM_BYTES + 1
