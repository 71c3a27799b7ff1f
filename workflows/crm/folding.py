"""The one case folding: what is stored folded and compared folded, in Python and therefore also in SQL."""

import unicodedata


def fold(text: str) -> str:
    """Return `text` so that equal means "the same word": NFC and full case folding, without outer blanks.

    `Straße` and `STRASSE` meet, `ΟΔΟΣ` and `οδος` meet; `İ` stays apart from `i`, as Unicode has it without a locale.
    Folding twice changes nothing.
    """
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())
