"""The invented people: many, different, and nobody real."""

import zoneinfo

import phonenumbers

from workflows.management.demo.people import DOMAINS, LOCALES, people


class TestPeople:
    def test_are_many_and_all_different(self):
        everybody = list(people())
        assert len(everybody) == 2500
        assert len({person.email for person in everybody}) == 2500
        numbers = [person.phone for person in everybody if person.phone]
        assert len(numbers) == len(set(numbers)) == 700

    def test_are_the_same_each_time(self):
        assert list(people()) == list(people())

    def test_have_numbers_in_e164(self):
        for person in people():
            if person.phone:
                number = phonenumbers.parse(person.phone)
                assert phonenumbers.is_possible_number(number), person
                assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == person.phone

    def test_have_addresses_that_reach_nobody(self):
        for person in people():
            local_part, _, domain = person.email.partition("@")
            assert domain in DOMAINS
            assert local_part.isascii()
            assert not local_part.startswith(".")

    def test_live_in_zones_that_exist(self):
        assert {person.timezone for person in people()} <= zoneinfo.available_timezones()

    def test_write_their_names_in_many_scripts(self):
        firsts = {person.language: person.first_name for person in people()}
        assert len(firsts) == len(LOCALES) == 25
        assert sum(not name.isascii() for name in firsts.values()) >= 12
