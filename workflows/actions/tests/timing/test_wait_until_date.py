from datetime import UTC, datetime, timedelta

import pytest

from workflows.actions.outcomes import Done, End, SkipNext, WaitUntil
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, problems, refusals, run
from workflows.actions.timing.wait_until_date import IN_THE_PAST, IS_MISSING
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(account):
    CustomFieldFactory(account=account, key="renewal", field_type="date")
    CustomFieldFactory(account=account, key="meeting", field_type="datetime")
    CustomFieldFactory(account=account, key="color", field_type="text")
    return ContactFactory(account=account, timezone="America/New_York", custom_fields={"renewal": "2026-06-10"})


def outcome_of(contact, now=NOW, timezone="UTC", results=None, **config):
    (outcome,) = run("wait_until_date", contact, config, now=now, timezone=timezone, results=results)
    return outcome


def until(contact, **config):
    outcome = outcome_of(contact, **config)
    assert isinstance(outcome, WaitUntil)
    assert outcome.result == {"until": outcome.at.isoformat()}
    return outcome.at


def specific(value, **config):
    return {"date_type": "specific", "date_value": value, **config}


def field(name="renewal", **config):
    return {"date_type": "contact_field", "field_name": name, **config}


def calculated(value, unit, direction, name="renewal", **config):
    offset = {"value": value, "unit": unit, "direction": direction}
    return {"date_type": "calculated", "field_name": name, "offset": offset, **config}


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


class TestTheDate:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            (specific("2026-06-01"), at(2026, 6, 1)),
            (specific("2026-06-01", time_of_day="09:30"), at(2026, 6, 1, 9, 30)),
            (specific("2026-06-01", time_of_day="09:30", timezone_mode="contact"), at(2026, 6, 1, 13, 30)),
            (specific("2026-06-01T09:30"), at(2026, 6, 1, 9, 30)),
            (specific("2026-06-01T09:30", timezone_mode="contact"), at(2026, 6, 1, 13, 30)),
            (specific("2026-06-01T09:30:00+02:00", timezone_mode="contact"), at(2026, 6, 1, 7, 30)),
            (field(), at(2026, 6, 10)),
            (field("custom_fields.renewal", time_of_day="18:00"), at(2026, 6, 10, 18)),
            (calculated(3, "days", "before", time_of_day="09:00"), at(2026, 6, 7, 9)),
            (calculated(2, "weeks", "after"), at(2026, 6, 24)),
            (calculated(90, "minutes", "before"), at(2026, 6, 9, 22, 30)),
            (calculated(5, "hours", "after", time_of_day="20:00"), at(2026, 6, 11, 1)),
            (calculated(0, "days", "after"), at(2026, 6, 10)),
        ],
    )
    def test_is_waited_for(self, contact, config, expected):
        assert until(contact, **config) == expected

    def test_goes_by_the_workflows_clock_or_the_accounts(self, contact):
        assert until(contact, timezone="Asia/Kolkata", **field(time_of_day="09:00")) == at(2026, 6, 10, 3, 30)

    def test_goes_by_utc_when_told(self, contact):
        config = field(time_of_day="09:00", timezone_mode="utc")
        assert until(contact, timezone="Asia/Kolkata", **config) == at(2026, 6, 10, 9)

    def test_takes_the_last_day_of_a_month_too_short(self, contact):
        contact.custom_fields = {"renewal": "2026-08-31"}
        contact.save()
        assert until(contact, **calculated(1, "months", "after")) == at(2026, 9, 30)

    def test_keeps_the_moment_of_a_field_with_a_time(self, contact):
        contact.custom_fields = {"meeting": "2026-11-01T06:30:00Z"}  # the second 01:30 in New York
        contact.save()
        assert until(contact, **field("meeting", timezone_mode="contact")) == at(2026, 11, 1, 6, 30)

    def test_keeps_the_wall_time_a_day_before_clocks_change(self, contact):
        contact.custom_fields = {"meeting": "2026-11-02T15:00:00Z"}  # 10:00 in New York, in winter
        contact.save()
        config = calculated(2, "days", "before", "meeting", timezone_mode="contact")
        assert until(contact, **config) == at(2026, 10, 31, 14)

    def test_moves_a_wall_time_that_does_not_exist_to_the_jump(self, contact):
        config = specific("2027-03-14", time_of_day="02:30", timezone_mode="contact")
        assert until(contact, **config) == at(2027, 3, 14, 7)

    @pytest.mark.parametrize(("date", "expected"), [("0001-01-01", Done), ("9999-12-31", WaitUntil)])
    def test_survives_the_ends_of_the_calendar(self, contact, date, expected):
        contact.custom_fields = {"renewal": date}
        contact.save()
        for config in (calculated(3650, "weeks", "after"), calculated(3650, "months", "before"), field()):
            assert isinstance(outcome_of(contact, **config, timezone_mode="contact"), expected)


class TestTheWindow:
    def test_moves_to_the_same_time_of_the_next_day_that_fits(self, contact):
        config = specific("2026-06-06", time_of_day="09:00", resume_days=["monday"])  # a Saturday
        assert until(contact, **config) == at(2026, 6, 8, 9)

    def test_skips_holidays(self, contact):
        config = specific("2026-07-03", time_of_day="10:00", skip_holidays="US")  # Independence Day, observed
        assert until(contact, **config) == at(2026, 7, 4, 10) + timedelta(days=1)

    def test_waits_for_the_hours(self, contact):
        hours = {"start": "09:00", "end": "17:00"}
        assert until(contact, **specific("2026-06-05", resume_between=hours)) == at(2026, 6, 5, 9)
        evening = specific("2026-06-05", time_of_day="18:00", resume_between=hours, resume_days=["friday"])
        assert until(contact, **evening) == at(2026, 6, 12, 9)

    def test_counts_the_day_it_ends_and_not_the_date(self, contact):
        """Monday 09:30 now; the date was Saturday, the wait ends today at 18:00."""
        config = specific("2026-05-02", time_of_day="18:00", resume_days=["monday"])
        assert until(contact, **config) == at(2026, 5, 4, 18)


class TestADateInThePast:
    PAST = specific("2026-05-01")

    def test_goes_on_by_default_and_says_why(self, contact):
        assert outcome_of(contact, **self.PAST) == Done(
            {"until": "2026-05-01T00:00:00+00:00", "reason": "Target date is in the past"},
            {**self.PAST, "timezone_mode": "account", "if_past": "continue", "if_missing": "continue"},
        )

    def test_passes_by_the_next_step(self, contact):
        outcome = outcome_of(contact, **self.PAST, if_past="skip_next")
        assert isinstance(outcome, SkipNext)
        assert outcome.result == {"until": "2026-05-01T00:00:00+00:00", "reason": IN_THE_PAST}

    def test_ends_the_workflow(self, contact):
        outcome = outcome_of(contact, **self.PAST, if_past="exit")
        assert outcome == End(IN_THE_PAST, {"until": "2026-05-01T00:00:00+00:00"})

    def test_waits_for_the_window_before_it_goes_on(self, contact):
        outcome = outcome_of(contact, **self.PAST, resume_between={"start": "14:00", "end": "15:00"})
        assert outcome.at == at(2026, 5, 4, 14)
        assert outcome.result == {"until": "2026-05-04T14:00:00+00:00", "reason": IN_THE_PAST}

    def test_is_past_at_its_very_moment(self, contact):
        assert isinstance(outcome_of(contact, **specific("2026-05-04T09:30")), Done)
        assert until(contact, **specific("2026-05-04T09:31")) == NOW + timedelta(minutes=1)


class TestNoDate:
    @pytest.fixture
    def blank(self, contact):
        contact.custom_fields = {}
        contact.save()
        return contact

    def test_goes_on_by_default_and_says_why(self, blank):
        assert outcome_of(blank, **field()).result == {"until": None, "reason": IS_MISSING}

    def test_ends_the_workflow(self, blank):
        assert outcome_of(blank, **calculated(1, "days", "after"), if_missing="exit") == End(
            IS_MISSING, {"until": None}
        )

    def test_takes_what_is_no_date_for_none(self, contact):
        contact.custom_fields = {"renewal": "soon"}
        contact.save()
        assert outcome_of(contact, **field()).result == {"until": None, "reason": IS_MISSING}


class TestAskedAgain:
    def resumed(self, contact, now, promised, **config):
        kind = registry.get("wait_until_date")
        complete = kind.complete_config(kind.clean_config(config, account_id=contact.account_id))
        batch = batch_of([contact], complete, now=now, results={"step": {"until": promised.isoformat()}})
        batch[0].is_resumed = True
        return kind.run_many(batch)[0]

    def test_is_done_when_the_date_has_come(self, contact):
        end = at(2026, 6, 10)
        outcome = self.resumed(contact, end, end, **field(if_past="exit"))
        assert (type(outcome), outcome.result) == (Done, {"until": end.isoformat()})

    def test_is_done_though_it_is_late(self, contact):
        end = at(2026, 6, 10)
        outcome = self.resumed(contact, end + timedelta(days=2), end, **field(if_past="exit"))
        assert (type(outcome), outcome.result) == (Done, {"until": end.isoformat()})

    def test_does_as_for_the_past_when_the_date_was_moved_there(self, contact):
        outcome = self.resumed(contact, at(2026, 6, 11), at(2026, 7, 1), **field(if_past="exit"))
        assert outcome == End(IN_THE_PAST, {"until": "2026-06-10T00:00:00+00:00"})

    def test_waits_on_for_a_later_date(self, contact):
        outcome = self.resumed(contact, at(2026, 6, 1), at(2026, 6, 1), **field())
        assert (type(outcome), outcome.at) == (WaitUntil, at(2026, 6, 10))

    def test_takes_no_result_of_an_earlier_visit_for_a_promise(self, contact):
        """A `go_to` brought the contact back: the step has a result, but this visit has not waited."""
        results = {"step": {"until": "2026-05-01T00:00:00+00:00"}}
        outcome = outcome_of(contact, results=results, **specific("2026-05-01", if_past="exit"))
        assert isinstance(outcome, End)


class TestRefusals:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, [("required", "date_type")]),
            ({"date_type": "someday"}, [("invalid_choice", "date_type")]),
            ({"date_type": "specific"}, [("required", "date_value")]),
            (field(None), [("null", "field_name")]),
            ({"date_type": "contact_field"}, [("required", "field_name")]),
            (
                {"date_type": "calculated"},
                [("required", "field_name"), ("required", "offset")],
            ),
            (specific("2026-06-01", field_name="renewal"), [("invalid", "field_name")]),
            (field(date_value="2026-06-01"), [("invalid", "date_value")]),
            (specific("01.06.2026"), [("invalid", "date_value")]),
            (specific("2026-02-30"), [("invalid", "date_value")]),
            (specific(20260601), [("invalid", "date_value")]),
            (specific("2026-06-01T09:00", time_of_day="10:00"), [("invalid", "time_of_day")]),
            (specific("2026-06-01", time_of_day="24:00"), [("invalid", "time_of_day")]),
            (specific("2026-06-01", resume_days=[]), [("min_length", "resume_days")]),
            (specific("2026-06-01", if_past="wait"), [("invalid_choice", "if_past")]),
            (specific("2026-06-01", if_missing="skip_next"), [("invalid_choice", "if_missing")]),
            (specific("2026-06-01", timezone_mode="mars"), [("invalid_choice", "timezone_mode")]),
            (specific("2026-06-01", skip_holidays="XX"), [("invalid", "skip_holidays")]),
            (specific("2026-06-01", until="x"), [("unknown_field", "until")]),
            (field("color"), [("invalid", "field_name")]),
            (field("email"), [("unknown_field", "field_name")]),
            (field("birthday"), [("unknown_field", "field_name")]),
            (calculated(-1, "days", "after"), [("min_value", "offset.value")]),
            (calculated(1, "years", "after"), [("invalid_choice", "offset.unit")]),
            (calculated(1, "days", "around"), [("invalid_choice", "offset.direction")]),
        ],
    )
    def test_names_the_field(self, contact, config, expected):
        assert refusals("wait_until_date", config, contact.account_id) == expected

    def test_refuses_what_is_more_than_a_year_ahead(self, contact, time_machine):
        time_machine.move_to(NOW)
        (problem,) = problems("wait_until_date", specific("2027-05-05"), contact.account_id)
        assert (problem.code, problem.detail) == ("max_value", "Maximum future date is 1 year")
        assert refusals("wait_until_date", specific("2027-05-04"), contact.account_id) == []

    def test_takes_no_field_of_another_account(self, contact, other_account):
        CustomFieldFactory(account=other_account, key="theirs", field_type="date")
        assert refusals("wait_until_date", field("theirs"), contact.account_id) == [("unknown_field", "field_name")]


class TestTheCard:
    @pytest.mark.parametrize(
        ("config", "line"),
        [
            (specific("2026-12-24", time_of_day="09:00"), "Until 2026-12-24 · at 09:00"),
            (field("custom_fields.renewal", skip_holidays="US"), "Until renewal · no holidays (US)"),
            (calculated(1, "days", "before", resume_days=["friday"]), "Until 1 day before renewal · Fri"),
            (calculated(3, "weeks", "after"), "Until 3 weeks after renewal"),
        ],
    )
    def test_says_what_is_waited_for(self, config, line):
        assert registry.get("wait_until_date").summary(config) == line

    def test_watches_the_field_and_the_zone(self):
        kind = registry.get("wait_until_date")
        config = kind.complete_config(calculated(1, "days", "before"))
        assert kind.watched_fields(config) == ["custom_fields.renewal"]
        assert kind.watched_fields({**config, "timezone_mode": "contact"}) == ["custom_fields.renewal", "timezone"]
        assert kind.watched_fields(kind.complete_config(specific("2026-12-24"))) == []
