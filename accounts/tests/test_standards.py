import pytest

from accounts.standards import CURRENCIES, is_country, is_currency, is_time_zone


class TestStandards:
    @pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata"])
    def test_know_time_zones(self, name: str) -> None:
        assert is_time_zone(name)

    @pytest.mark.parametrize("name", ["", "utc", "Mars/Olympus", "../../etc/passwd", "Europe/Berlin\n", "+02:00"])
    def test_know_no_other_time_zones(self, name: str) -> None:
        assert not is_time_zone(name)

    def test_know_currencies(self) -> None:
        assert len(CURRENCIES) == 155
        assert is_currency("EUR")
        assert not is_currency("eur")
        assert not is_currency("XXX")

    def test_know_countries(self) -> None:
        assert is_country("DE")
        assert not is_country("de")
        assert not is_country("ZZ")
