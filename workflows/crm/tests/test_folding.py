"""The one case folding."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.crm.folding import fold


class TestFold:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("VIP", "vip"),
            ("  Vip\t", "vip"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),  # final and inner sigma
            ("οδος", "οδοσ"),
            ("Zoe\u0308", "ZOË"),  # composed and decomposed
            ("İstanbul", "i\u0307STANBUL"),
            ("\ufb01ne", "FINE"),  # a ligature
            ("ǰ", "J\u030c"),
        ],
    )
    def test_meets(self, one: str, other: str) -> None:
        assert fold(one) == fold(other)

    @pytest.mark.parametrize(("one", "other"), [("İ", "i"), ("ı", "i"), ("é", "e"), ("a b", "ab")])
    def test_keeps_apart(self, one: str, other: str) -> None:
        assert fold(one) != fold(other)

    @given(st.text())
    def test_changes_nothing_the_second_time(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)

    @given(st.text())
    def test_does_not_care_how_a_character_is_composed(self, text: str) -> None:
        assert fold(unicodedata.normalize("NFD", text)) == fold(text)
