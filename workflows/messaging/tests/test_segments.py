import pytest

from workflows.messaging.segments import Segments, segments_of


class TestSegments:
    @pytest.mark.parametrize(
        ("text", "count", "encoding"),
        [
            ("", 1, "GSM-7"),
            ("x" * 160, 1, "GSM-7"),
            ("x" * 161, 2, "GSM-7"),
            ("x" * 306, 2, "GSM-7"),
            ("x" * 307, 3, "GSM-7"),
            ("x" * 1600, 11, "GSM-7"),
            ("€" * 80, 1, "GSM-7"),  # two places each
            ("€" * 81, 2, "GSM-7"),
            ("x" * 152 + "€" + "x" * 152, 3, "GSM-7"),  # the pair is not split: 152, 1 + 151 …
            ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà\n\r", 1, "GSM-7"),
            ("ç", 1, "UCS-2"),  # only the capital one is in GSM-7
            ("á" * 70, 1, "UCS-2"),
            ("á" * 71, 2, "UCS-2"),
            ("á" * 134, 2, "UCS-2"),
            ("á" * 135, 3, "UCS-2"),
            ("x" * 70 + "’", 2, "UCS-2"),
            ("😀" * 35, 1, "UCS-2"),  # two places each
            ("😀" * 36, 2, "UCS-2"),
            ("😀" * 66, 2, "UCS-2"),  # 33 in a part, since none is split
            ("😀" * 67, 3, "UCS-2"),
        ],
    )
    def test_are_counted_by_the_alphabet(self, text, count, encoding):
        assert segments_of(text) == Segments(count, encoding)
