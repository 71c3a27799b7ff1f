"""Reading values."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import phones
from workflows.crm.models import CustomField
from workflows.crm.values import clean_email, clean_field, clean_phone, clean_text, clean_timezone, email_identity


def field(field_type: str, *options: str) -> CustomField:
    return CustomField(key="it", label="It", field_type=field_type, options=list(options))


class TestCleanEmail:
    @pytest.mark.parametrize(
        "address",
        [
            "a@b.co",
            "Ada.Lovelace+news@mail.example.com",
            "o'brien@example.com",
            "zoë@müller.example",
            "用户@例子.中国",
            "x@sub-domain.example.org",
            "a" * 64 + "@example.com",
        ],
    )
    def test_takes(self, address: str) -> None:
        assert clean_email(f"  {address} ") == address

    @pytest.mark.parametrize(
        "address",
        [
            "nobody",
            "@example.com",
            "a@",
            "a@b",
            "a@b@c.com",
            "a b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@-x.com",
            "a@x-.com",
            "a@x..com",
            "a@example.com,b@example.com",
            "<a@example.com>",
            "a" * 65 + "@example.com",
            "a@" + "x" * 250 + ".com",
            "a\x00@example.com",
            "a@exam\nple.com",
            "\ud800@example.com",
            "ß" * 60 + "@" + "ß" * 60 + "." + "ß" * 60 + "." + "ß" * 60 + ".com",  # 254 folded away
        ],
    )
    def test_refuses(self, address: str) -> None:
        with pytest.raises(ValueError, match=r"Give an e-mail|Shorten|Take out"):
            clean_email(address)

    def test_is_quick_with_hostile_input(self) -> None:
        for hostile in ("a." * 120 + "@", "a@" + "a-" * 120, "a@" + "a." * 120, "-" * 250):
            with pytest.raises(ValueError, match="e-mail"):
                clean_email(hostile)

    def test_knows_the_same_address_in_any_case(self) -> None:
        assert email_identity("ZOE\u0308@Example.com") == email_identity("zoë@EXAMPLE.COM")


class TestCleanPhone:
    @pytest.mark.parametrize(
        ("raw", "country", "expected"),
        [
            ("+14155550123", "DE", "+14155550123"),
            ("(415) 555-0123", "US", "+14155550123"),
            ("tel:+1-415-555-0123", "US", "+14155550123"),
            ("0170 1234567", "DE", "+491701234567"),
            ("0049 170 1234567", "DE", "+491701234567"),
            ("+44 (0)20 7946 0018", "US", "+442079460018"),
            ("+39 06 698 1234", "US", "+39066981234"),  # Italy keeps its zero
            ("+919509597501", "US", "+919509597501"),
            ("", "US", ""),
        ],
    )
    def test_gives_e164(self, raw: str, country: str, expected: str) -> None:
        assert clean_phone(raw, country) == expected

    @pytest.mark.parametrize(
        "raw", ["12", "555-0123", "call me", "+999123456789", "+1415555", "1" * 40, "+1 415 555 0123 x\x00"]
    )
    def test_refuses(self, raw: str) -> None:
        with pytest.raises(ValueError, match=r"Give a phone number|Take out"):
            clean_phone(raw, "US")

    @given(
        st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
        st.text(alphabet="0123456789", min_size=4, max_size=13),
    )
    def test_short_cut_and_library_agree(self, country_code: int, number: str) -> None:
        text = f"+{country_code}{number}"
        if phones._E164.fullmatch(text) and phones._is_plain(text):
            parsed = phonenumbers.parse(text, "US")
            assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == text
            assert phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE


class TestCleanTimezone:
    def test_gives_the_zones_own_spelling(self) -> None:
        assert clean_timezone(" europe/BERLIN ") == "Europe/Berlin"

    @pytest.mark.parametrize("raw", ["Mars/Olympus", "Europe/Berlin\x00", "../../etc/passwd", "x" * 65])
    def test_refuses(self, raw: str) -> None:
        with pytest.raises(ValueError, match=r"IANA|Take out|Shorten"):
            clean_timezone(raw)


class TestCleanField:
    @pytest.mark.parametrize(
        ("definition", "raw", "expected"),
        [
            (field("text"), " hello ", "hello"),
            (field("text"), 12.5, "12.5"),
            (field("text"), True, "true"),
            (field("number"), "12.50", 12.5),
            (field("number"), "-3", -3),
            (field("number"), 7.0, 7),
            (field("number"), "1e3", 1000),
            (field("number"), "0.1", 0.1),
            (field("number"), Decimal("99999999999999.5"), 99999999999999.5),
            (field("number"), 123456789012345, 123456789012345),
            (field("boolean"), "Yes", True),
            (field("boolean"), "0", False),
            (field("boolean"), True, True),
            (field("date"), "2000-01-05", "2000-01-05"),
            (field("date"), "2000-01-05T00:00:00.000Z", "2000-01-05"),
            (field("date"), date(2000, 1, 5), "2000-01-05"),
            (field("datetime"), "2000-01-05T10:00:00+02:00", "2000-01-05T08:00:00Z"),
            (field("datetime"), "2000-01-05 10:00", "2000-01-05T10:00:00Z"),
            (field("datetime"), datetime(2000, 1, 5, 10, tzinfo=UTC), "2000-01-05T10:00:00Z"),
            (field("select", "Red", "Blue"), "BLUE", "Blue"),
            (field("multi_select", "Red", "Blue"), "blue; red", ["Blue", "Red"]),
            (field("multi_select", "Red", "Blue"), ["red", "RED"], ["Red"]),
            (field("multi_select", "Red, or so", "Blue"), "red, or so", ["Red, or so"]),
            (field("url"), "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
            (field("url"), "HTTP://[::1]:8000", "HTTP://[::1]:8000"),
            (field("number"), "", None),
            (field("number"), "  ", None),
            (field("text"), None, None),
            (field("multi_select", "Red"), [], None),
        ],
    )
    def test_gives(self, definition: CustomField, raw: Any, expected: Any) -> None:
        value = clean_field(definition, raw)
        assert value == expected
        assert type(value) is type(expected)
        assert clean_field(definition, value) == value

    @pytest.mark.parametrize(
        ("definition", "raw"),
        [
            (field("text"), "x" * 5001),
            (field("text"), "a\x00b"),
            (field("text"), {"a": 1}),
            (field("number"), "12,5"),
            (field("number"), "NaN"),
            (field("number"), "Infinity"),
            (field("number"), float("inf")),
            (field("number"), "1_000"),
            (field("number"), True),
            (field("number"), "1e400"),
            (field("number"), 10**400),
            (field("number"), "9" * 100_000),
            (field("number"), "1234567890123456"),
            (field("number"), "0.1234567890123456"),
            (field("number"), "1.0000000000000000000000000000000001"),
            (field("boolean"), "perhaps"),
            (field("boolean"), 2),
            (field("date"), "5.1.2000"),
            (field("date"), "2000-02-30"),
            (field("datetime"), "0001-01-01T00:00:00+14:00"),
            (field("datetime"), "soon"),
            (field("select", "Red"), "Green"),
            (field("select", "Red"), ["Red"]),
            (field("multi_select", "Red"), "Red; Green"),
            (field("multi_select", "Red"), [1]),
            (field("multi_select", "Red"), 5),
            (field("url"), "javascript:alert(1)"),
            (field("url"), "https://"),
            (field("url"), "https://exa mple.com"),
            (field("url"), "https://example.com/\x00"),
            (field("url"), "ftp://example.com"),
        ],
    )
    def test_refuses(self, definition: CustomField, raw: Any) -> None:
        with pytest.raises(ValueError, match=r"^(Give|Shorten|Take out)"):
            clean_field(definition, raw)

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
    def test_keeps_numbers_exactly(self, number: Decimal) -> None:
        assert Decimal(repr(clean_field(field("number"), str(number)))) == number


class TestCleanText:
    def test_counts_characters_after_stripping(self) -> None:
        assert clean_text("  " + "ß" * 50, 50) == "ß" * 50
