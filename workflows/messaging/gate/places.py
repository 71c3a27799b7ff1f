"""Where a contact may be: the zones whose clocks count, and the places whose law does, as far as can be known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone as phone_zones

from workflows.messaging.gate.area_codes import REGIONS

TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
"""Countries of their own in telephony, states in law."""
UNITED_STATES = "US"
NORTH_AMERICA = 1
"""Country code of the United States, Canada and their neighbours."""
UNKNOWN_REGION = "?"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Whose law counts: ISO 3166 country and region; a region `?` could be any, an empty country is unknown."""

    country: str = ""
    region: str = ""

    def __str__(self) -> str:
        return f"{self.country}-{self.region}" if self.region else self.country


@lru_cache(maxsize=65536)
def place_of(phone: str) -> Place:
    """Return the place that a number in E.164 belongs to; people take theirs along, so this is the law's guess."""
    number = parsed(phone)
    if number is None:
        return Place()
    country = phonenumbers.region_code_for_number(number) or ""
    if not country and number.country_code == NORTH_AMERICA:
        country = UNITED_STATES
    if country in TERRITORIES:
        return Place(UNITED_STATES, country)
    if country not in REGIONS:
        return Place(country)
    return Place(country, REGIONS[country].get(str(number.national_number)[:3], UNKNOWN_REGION))


def zones_of(*, timezone: str, phone: str, account_timezone: str) -> tuple[ZoneInfo, ...]:
    """Return every zone whose clock may be the contact's.

    The contact's own zone, or all that the phone number may stand for, or the account's, or UTC.
    """
    if own := known((timezone,)):
        return own
    return zones_of_number(phone) or known((account_timezone,)) or (ZoneInfo("UTC"),)


@lru_cache(maxsize=65536)
def zones_of_number(phone: str) -> tuple[ZoneInfo, ...]:
    number = parsed(phone)
    return known(tuple(phone_zones.time_zones_for_number(number))) if number is not None else ()


def known(names: Sequence[str]) -> tuple[ZoneInfo, ...]:
    """Return the zones among the names; `Etc/Unknown` and what is not known any more are none."""
    zones = []
    for name in names:
        try:
            zones.append(ZoneInfo(name))
        except (KeyError, ValueError):
            continue
    return tuple(zones)


def parsed(phone: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return None
