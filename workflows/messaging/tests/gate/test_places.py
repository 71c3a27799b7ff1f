import pytest

from workflows.messaging.gate.places import Place, place_of, zones_of


class TestPlaceOf:
    @pytest.mark.parametrize(
        ("phone", "place"),
        [
            ("+13055550123", Place("US", "FL")),
            ("+14055550123", Place("US", "OK")),
            ("+12065550123", Place("US", "WA")),
            ("+12145550123", Place("US", "TX")),
            ("+18005550123", Place("US", "?")),  # toll-free
            ("+15555550123", Place("US", "?")),  # no area code
            ("+17875550123", Place("US", "PR")),
            ("+14165550123", Place("CA", "ON")),
            ("+19025550123", Place("CA", "?")),  # two provinces
            ("+442079460000", Place("GB")),
            ("+33142278186", Place("FR")),
            ("+4915112345678", Place("DE")),
            ("", Place()),
            ("nonsense", Place()),
        ],
    )
    def test_goes_by_the_number(self, phone: str, place: Place) -> None:
        assert place_of(phone) == place

    def test_is_written_as_people_know_it(self) -> None:
        assert [str(place) for place in (Place("US", "FL"), Place("GB"), Place())] == ["US-FL", "GB", ""]


def names(timezone: str, phone: str, account: str = "Europe/Berlin") -> list[str]:
    return [zone.key for zone in zones_of(timezone=timezone, phone=phone, account_timezone=account)]


class TestZonesOf:
    def test_is_the_contacts_own(self) -> None:
        assert names("Asia/Tokyo", "+13055550123") == ["Asia/Tokyo"]

    def test_is_else_the_phone_numbers(self) -> None:
        assert names("", "+13055550123") == ["America/New_York"]

    def test_may_be_several(self) -> None:
        assert names("", "+12085550123") == ["America/Boise", "America/Los_Angeles"]
        assert len(names("", "+18005550123")) > 30

    @pytest.mark.parametrize("phone", ["", "nonsense", "+15555550123"])
    def test_is_else_the_accounts(self, phone: str) -> None:
        assert names("Mars/Olympus", phone) == ["Europe/Berlin"]

    def test_is_utc_when_nothing_is_known(self) -> None:
        assert names("", "", "Mars/Olympus") == ["UTC"]
