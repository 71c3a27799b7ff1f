"""Names of the countries whose holidays are known."""

from holidays.registry import COUNTRIES

from workflows.configs.times import HOLIDAY_COUNTRIES

SMALL_WORDS = frozenset({"and", "of", "the"})


def country_name(module: str) -> str:
    """Return `trinidad_and_tobago` as “Trinidad and Tobago”."""
    return " ".join(word if word in SMALL_WORDS else word.capitalize() for word in module.split("_"))


COUNTRY_NAMES = {
    code: name
    for name, code in sorted((country_name(module), names[1]) for module, names in COUNTRIES.items())
    if code in HOLIDAY_COUNTRIES
}
"""Name by ISO 3166 code, by name."""
