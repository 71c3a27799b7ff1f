"""How many SMS a text becomes: phones put long ones together again, and providers charge for each part."""

from collections.abc import Iterable
from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")
"""Take two places, the first for the escape."""


@dataclass(frozen=True, slots=True)
class Segments:
    """The parts of a text and the alphabet they are written in: `GSM-7`, or `UCS-2` once a single character needs it.

    One part holds 160 characters of GSM-7 or 70 of UCS-2; several hold 153 or 67 each, and no character is split.
    """

    count: int
    encoding: str


def segments_of(text: str) -> Segments:
    """Count the parts of a text; an empty one, as with a picture alone, is one part."""
    if all(character in BASIC or character in EXTENDED for character in text):
        return Segments(parts([2 if character in EXTENDED else 1 for character in text], 160, 153), "GSM-7")
    return Segments(
        parts([len(character.encode("utf-16-le", "surrogatepass")) // 2 for character in text], 70, 67), "UCS-2"
    )


def parts(widths: Iterable[int], alone: int, together: int) -> int:
    """Return how many parts characters of these widths fill: one of `alone` places, or several of `together`."""
    widths = list(widths)
    if sum(widths) <= alone:
        return 1
    count, filled = 1, 0
    for width in widths:
        if filled + width > together:
            count, filled = count + 1, 0
        filled += width
    return count
