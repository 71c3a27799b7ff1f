from datetime import UTC, datetime, timedelta

import pytest

from workflows.actions.outcomes import Failed, WaitUntil
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, problems, refusals, run
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db

NIGHT = {"start": "21:00", "end": "09:00"}
OFFICE = {"start": "09:00", "end": "17:00"}


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, timezone="America/New_York")


def until(contact, now=NOW, timezone="UTC", **config):
    config = {"duration": 1, "unit": "hours", **config}
    (outcome,) = run("wait_time", contact, config, now=now, timezone=timezone)
    return outcome.at


class TestWaitTime:
    @pytest.mark.parametrize(
        ("duration", "unit", "expected"),
        [
            (1, "minutes", timedelta(minutes=1)),
            (5, "hours", timedelta(hours=5)),
            (3, "days", timedelta(days=3)),
            (12, "weeks", timedelta(weeks=12)),
        ],
    )
    def test_rests_for_the_duration(self, contact, duration, unit, expected):
        assert until(contact, duration=duration, unit=unit) == NOW + expected

    def test_tells_when_it_ends(self, contact):
        (outcome,) = run("wait_time", contact, {"duration": 1, "unit": "days"})
        assert isinstance(outcome, WaitUntil)
        assert (outcome.at, outcome.result) == (NOW + timedelta(days=1), {"until": "2026-05-05T09:30:00+00:00"})

    def test_logs_its_config(self, contact):
        (outcome,) = run("wait_time", contact, {"duration": 1, "unit": "days"})
        assert outcome.data == {"duration": 1, "unit": "days", "timezone_mode": "account"}

    def test_counts_a_day_as_24_hours_when_clocks_change(self, contact):
        now = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
        assert until(contact, now, duration=1, unit="days", timezone_mode="contact") == now + timedelta(hours=24)

    def test_goes_on_at_the_next_day_that_fits(self, contact):
        assert until(contact, resume_days=["wednesday"]) == datetime(2026, 5, 6, 0, 0, tzinfo=UTC)

    def test_goes_on_at_once_when_the_window_is_open(self, contact):
        assert until(contact, resume_days=["monday"], resume_between=OFFICE) == NOW + timedelta(hours=1)

    def test_waits_for_the_window_to_open(self, contact):
        assert until(contact, duration=10, resume_between=OFFICE) == datetime(2026, 5, 5, 9, 0, tzinfo=UTC)

    def test_does_not_go_on_at_the_moment_the_window_closes(self, contact):
        now = datetime(2026, 5, 4, 16, 0, tzinfo=UTC)
        assert until(contact, now, resume_between=OFFICE) == datetime(2026, 5, 5, 9, 0, tzinfo=UTC)

    def test_takes_a_window_over_midnight(self, contact):
        assert until(contact, resume_between=NIGHT) == datetime(2026, 5, 4, 21, 0, tzinfo=UTC)
        assert until(contact, duration=16, resume_between=NIGHT) == NOW + timedelta(hours=16)

    def test_goes_by_the_contacts_clock(self, contact):
        # 10:30 UTC is 06:30 in New York; 09:00 there is 13:00 UTC
        assert until(contact, resume_between=OFFICE, timezone_mode="contact") == datetime(2026, 5, 4, 13, 0, tzinfo=UTC)

    @pytest.mark.parametrize("timezone", ["", "Nowhere/Land"])
    def test_goes_by_the_workflows_clock_when_the_contacts_is_unknown(self, account, timezone):
        contact = ContactFactory(account=account, timezone=timezone)
        at = until(contact, timezone="Asia/Tokyo", resume_between=OFFICE, timezone_mode="contact")
        assert at == datetime(2026, 5, 5, 0, 0, tzinfo=UTC)

    def test_goes_by_the_workflows_clock_unless_told_otherwise(self, contact):
        assert until(contact, timezone="Asia/Tokyo", resume_between=OFFICE) == datetime(2026, 5, 5, 0, 0, tzinfo=UTC)

    def test_goes_by_utc_when_told_to(self, contact):
        at = until(contact, timezone="Asia/Tokyo", resume_between=OFFICE, timezone_mode="utc")
        assert at == NOW + timedelta(hours=1)

    def test_skips_public_holidays(self, contact):
        now = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
        assert until(contact, now, skip_holidays="US") == datetime(2026, 12, 26, 0, 0, tzinfo=UTC)
        assert until(contact, now) == datetime(2026, 12, 25, 0, 30, tzinfo=UTC)

    def test_moves_a_wall_time_that_clocks_jump_over_to_the_jump(self, contact):
        # in New York clocks jump from 02:00 to 03:00 on 8 March 2026, at 07:00 UTC
        now = datetime(2026, 3, 8, 5, 0, tzinfo=UTC)
        window = {"start": "02:30", "end": "05:00"}
        at = until(contact, now, resume_between=window, timezone_mode="contact")
        assert at == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)

    def test_takes_the_first_of_a_wall_time_that_occurs_twice(self, contact):
        # in New York clocks go back from 02:00 to 01:00 on 1 November 2026
        now = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
        window = {"start": "01:30", "end": "05:00"}
        at = until(contact, now, resume_between=window, timezone_mode="contact")
        assert at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)

    def test_reckons_each_zone_of_a_batch_for_itself(self, account, contact):
        berlin = ContactFactory(account=account, timezone="Europe/Berlin")
        config = {"duration": 1, "unit": "minutes", "resume_between": OFFICE, "timezone_mode": "contact"}
        outcomes = run("wait_time", [contact, berlin, contact], config)
        assert [outcome.at.hour for outcome in outcomes] == [13, 9, 13]

    def test_fails_when_no_day_is_left(self, contact, monkeypatch):
        kind = registry.get("wait_time")
        config = {
            "duration": 1,
            "unit": "hours",
            "timezone_mode": "utc",
            "resume_days": ["sunday"],
            "skip_holidays": "XX",
        }
        monkeypatch.setattr("workflows.localtime.public_holidays", lambda country, year: EveryDay())
        (outcome,) = kind.run_many(batch_of([contact], config))
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"


class EveryDay:
    def __contains__(self, day):
        return True


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"duration": 0}, ("min_value", "duration")),
            ({"duration": -1}, ("min_value", "duration")),
            ({"duration": 1.5}, ("invalid", "duration")),
            ({"duration": "1"}, ("invalid", "duration")),
            ({"duration": True}, ("invalid", "duration")),
            ({"duration": 13, "unit": "weeks"}, ("max_value", "duration")),
            ({"duration": 120_961, "unit": "minutes"}, ("max_value", "duration")),
            ({"duration": 10**400, "unit": "minutes"}, ("max_value", "duration")),
            ({"duration": 1, "unit": "months"}, ("invalid_choice", "unit")),
            ({"resume_days": []}, ("min_length", "resume_days")),
            ({"resume_days": "monday"}, ("not_a_list", "resume_days")),
            ({"resume_days": ["mon"]}, ("invalid_choice", "resume_days.0")),
            ({"resume_days": [1]}, ("invalid_choice", "resume_days.0")),
            ({"resume_between": {"start": "09:00"}}, ("required", "resume_between.end")),
            ({"resume_between": {"start": "9:00", "end": "17:00"}}, ("invalid", "resume_between.start")),
            ({"resume_between": {"start": "09:00", "end": "24:00"}}, ("invalid", "resume_between.end")),
            ({"resume_between": {"start": "09:00", "end": "09:00"}}, ("invalid", "resume_between.end")),
            ({"timezone_mode": "mine"}, ("invalid_choice", "timezone_mode")),
            ({"skip_holidays": "XX"}, ("invalid", "skip_holidays")),
            ({"skip_holidays": "USA"}, ("invalid", "skip_holidays")),
            ({"until": "x"}, ("unknown_field", "until")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("wait_time", {"duration": 1, "unit": "days", **config}, account.id) == [expected]

    def test_needs_duration_and_unit(self, account):
        assert refusals("wait_time", {}, account.id) == [("required", "duration"), ("required", "unit")]

    @pytest.mark.parametrize(("duration", "unit"), [(13, "weeks"), (85, "days"), (2017, "hours"), (120_961, "minutes")])
    def test_says_how_long_a_wait_may_be(self, account, duration, unit):
        (problem,) = problems("wait_time", {"duration": duration, "unit": unit}, account.id)
        assert (problem.detail, problem.attr) == ("Maximum wait duration is 12 weeks", "duration")

    def test_stores_days_once_and_in_order(self, account):
        config = {"duration": 1, "unit": "days", "resume_days": ["sunday", "monday", "sunday"], "skip_holidays": "us"}
        cleaned = registry.get("wait_time").clean_config(config, account_id=account.id)
        assert cleaned == {"duration": 1, "unit": "days", "resume_days": ["monday", "sunday"], "skip_holidays": "US"}


class TestSummary:
    def test_says_it_in_a_line(self):
        kind = registry.get("wait_time")
        assert kind.summary({"duration": 1, "unit": "days"}) == "Wait 1 day"
        assert kind.summary(kind.example) == "Wait 3 days · Mon, Tue, Wed, Thu, Fri · 09:00–17:00 · no holidays (US)"
