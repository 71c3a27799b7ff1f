"""Reading phone numbers: those of members here, those of contacts in the crm."""

import re
from functools import cache

import phonenumbers
from phonenumbers import ValidationResult

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def read_phone(text: str, default_country: str) -> str:
    """Return the number in E.164; one without a country prefix is read as one of `default_country`.

    Empty text stays empty. Raises ValueError with a sentence that says how to mend it.
    """
    if not text or (_E164.fullmatch(text) and _is_plain(text)):
        return text
    try:
        number = phonenumbers.parse(text, default_country)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise ValueError("Give a phone number with its country prefix, such as +14155550123.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_plain(e164: str) -> bool:
    """Tell whether the library would return the number unchanged; files are full of such, and it takes 30 µs each."""
    for digits in (1, 2, 3):
        plan = _numbering_plan(int(e164[1 : 1 + digits]))
        if plan is not None:
            lengths, national_prefix = plan
            number = e164[1 + digits :]
            return len(number) in lengths and number[0] != "0" and not national_prefix.match(number)
    return False


@cache
def _numbering_plan(country_code: int) -> tuple[frozenset[int], re.Pattern[str]] | None:
    """Return the lengths of a country's numbers and what may stand in front of them without belonging to them."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(country_code)
    if regions is None:
        return None
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(country_code, regions[0])
    if metadata is None or metadata.general_desc is None:
        return None
    return frozenset(metadata.general_desc.possible_length), re.compile(metadata.national_prefix_for_parsing or "(?!)")
