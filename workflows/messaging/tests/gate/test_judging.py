from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from accounts.models import Account
from workflows.crm.models import Channel, Contact
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.gate import QuietHours, Sending, Verdict, Window, judge
from workflows.messaging.gate.judging import NEVER_OPEN
from workflows.messaging.models import CallingHours, Message
from workflows.messaging.tests.factories import MessageFactory
from workflows.messaging.tests.gate.hours_of_law import ROWS

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


@pytest.fixture
def contact(account: Account) -> Contact:
    return ContactFactory(account=account)


def verdict(
    contact: Contact,
    channel: Channel,
    purpose: str = "marketing",
    *,
    message_id: UUID | None = None,
    window: Window | None = None,
) -> Verdict:
    (answer,) = judge(
        account_id=contact.account_id,
        channel=channel,
        purpose=purpose,
        sendings=[Sending(contact.id, message_id)],
        window=window or Window(),
        now=NOW,
    )
    return answer


def reason(contact: Contact, channel: Channel, purpose: str = "marketing", *, message_id: UUID | None = None) -> str:
    return verdict(contact, channel, purpose, message_id=message_id).reason


def consent(contact: Contact, channel: Channel, state: str) -> None:
    change = ConsentChange(contact.id, channel, state, NOW - DAY, evidence="Form")
    set_consents(account_id=contact.account_id, changes=[change], now=NOW)


def message(contact: Contact, **facts: Any) -> Message:
    return MessageFactory(account=contact.account, contact_id=contact.id, **{"sent_at": NOW - SECOND, **facts})


def wrote(contact: Contact, at: datetime, *, page_id: str = "11111") -> Message:
    return message(contact, channel="messenger", direction="inbound", recipient=page_id, sent_at=at)


def rewrite(message: Message, **facts: Any) -> None:
    Message.objects.filter(id=message.id).update(**facts)


class TestConsent:
    @pytest.mark.parametrize(
        ("channel", "state", "marketing", "transactional"),
        [
            (Channel.EMAIL, None, "", ""),
            (Channel.EMAIL, "opt_in", "", ""),
            (Channel.EMAIL, "opt_out", "Contact opted out of email", "Contact opted out of email"),
            (Channel.SMS, None, "Contact did not opt in to SMS", ""),
            (Channel.SMS, "opt_in", "", ""),
            (Channel.SMS, "opt_out", "Contact opted out of SMS", "Contact opted out of SMS"),
            (Channel.VOICE, None, "Contact did not opt in to voice calls", ""),
            (Channel.VOICE, "opt_in", "", ""),
            (Channel.VOICE, "opt_out", "Contact opted out of voice calls", "Contact opted out of voice calls"),
            (Channel.MESSENGER, None, "outside_24h_window", "outside_24h_window"),
            (Channel.MESSENGER, "opt_in", "outside_24h_window", "outside_24h_window"),
            (Channel.MESSENGER, "opt_out", "Contact opted out of Messenger", "Contact opted out of Messenger"),
        ],
    )
    def test_decides_by_channel_and_purpose(
        self, contact: Contact, channel: Channel, state: str | None, marketing: str, transactional: str
    ) -> None:
        if state is not None:
            consent(contact, channel, state)
        assert reason(contact, channel, "marketing") == marketing
        assert reason(contact, channel, "transactional") == transactional

    def test_of_another_channel_does_not_count(self, contact: Contact) -> None:
        consent(contact, Channel.VOICE, "opt_in")
        consent(contact, Channel.EMAIL, "opt_out")
        assert reason(contact, Channel.SMS) == "Contact did not opt in to SMS"
        assert reason(contact, Channel.SMS, "transactional") == ""

    def test_is_kept_with_the_verdict(self, contact: Contact) -> None:
        consent(contact, Channel.SMS, "opt_in")
        assert verdict(contact, Channel.SMS).facts == {
            "verdict": "allowed",
            "channel": "sms",
            "purpose": "marketing",
            "consent": {"state": "opt_in", "recorded_at": "2026-05-03T09:30:00+00:00"},
            "frequency": {"sent": 0, "cap": 3},
            "hours": {
                "zones": ["UTC"],
                "place": "",
                "opens_at": "2026-05-04T09:30:00+00:00",
                "closes_at": "2026-05-04T21:00:00+00:00",
            },
        }

    def test_says_why_a_message_was_skipped(self, contact: Contact) -> None:
        assert verdict(contact, Channel.VOICE).facts["verdict"] == "skipped"


class TestMessenger:
    @pytest.mark.parametrize("purpose", ["marketing", "transactional"])
    @pytest.mark.parametrize(("ago", "expected"), [(DAY - SECOND, ""), (DAY, "outside_24h_window")])
    def test_is_open_for_a_day_after_the_contact_wrote(
        self, contact: Contact, ago: timedelta, expected: str, purpose: str
    ) -> None:
        wrote(contact, NOW - ago)
        answer = verdict(contact, Channel.MESSENGER, purpose)
        assert answer.reason == expected
        assert answer.facts["last_heard_at"] == (NOW - ago).isoformat()
        assert answer.facts["closes_at"] == (NOW - ago + DAY).isoformat()
        assert answer.closes_at == (None if expected else NOW + SECOND)

    def test_goes_by_when_the_contact_wrote_not_by_when_it_was_told(self, contact: Contact) -> None:
        rewrite(wrote(contact, NOW - DAY), created_at=NOW)
        assert reason(contact, Channel.MESSENGER) == "outside_24h_window"

    def test_is_opened_by_the_page_that_was_written_to_alone(self, contact: Contact) -> None:
        wrote(contact, NOW - SECOND, page_id="11111")
        assert verdict(contact, Channel.MESSENGER, window=Window("11111")).reason == ""
        assert verdict(contact, Channel.MESSENGER, window=Window("22222")).reason == "outside_24h_window"

    def test_is_longer_or_always_open_with_a_tag(self, contact: Contact) -> None:
        assert verdict(contact, Channel.MESSENGER, window=Window(length=None)).reason == ""
        week = Window(length=7 * DAY, reason="outside_7d_window")
        assert verdict(contact, Channel.MESSENGER, window=week).reason == "outside_7d_window"
        wrote(contact, NOW - 7 * DAY + SECOND)
        assert verdict(contact, Channel.MESSENGER, window=week).closes_at == NOW + SECOND

    def test_is_closed_by_an_opt_out_whatever_the_tag(self, contact: Contact) -> None:
        consent(contact, Channel.MESSENGER, "opt_out")
        answer = verdict(contact, Channel.MESSENGER, "transactional", window=Window(length=None))
        assert answer.reason == "Contact opted out of Messenger"

    def test_is_not_opened_in_another_account(self, contact: Contact, other_account: Account) -> None:
        MessageFactory(account=other_account, contact_id=contact.id, channel="messenger", direction="inbound")
        assert reason(contact, Channel.MESSENGER) == "outside_24h_window"

    def test_is_not_opened_by_what_we_wrote_or_by_other_channels(self, contact: Contact) -> None:
        rewrite(message(contact, channel="messenger"), created_at=NOW)
        rewrite(message(contact, channel="sms", direction="inbound"), created_at=NOW)
        assert reason(contact, Channel.MESSENGER) == "outside_24h_window"


NIGHT = QuietHours(time(21), time(9))
MIAMI = "+13055550123"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def law(db: None) -> None:
    """The table as an installation begins with it; other tests may have emptied it."""
    CallingHours.objects.all().delete()
    CallingHours.objects.bulk_create(ROWS)


@pytest.mark.usefixtures("law")
class TestHours:
    def ask(
        self, contact: Contact, now: str, *, purpose: str = "marketing", quiet: QuietHours | None = NIGHT, **facts: Any
    ) -> Verdict:
        consent(contact, facts.pop("channel", Channel.SMS), "opt_in")
        (answer,) = judge(
            account_id=contact.account_id,
            channel=Channel.SMS,
            purpose=purpose,
            sendings=[Sending(contact.id, None, **{"phone": MIAMI, **facts})],
            quiet_hours=quiet,
            now=at(now),
        )
        return answer

    @pytest.mark.parametrize(
        ("purpose", "quiet", "now", "until"),
        [
            # Florida: 08:00-20:00 by law, 09:00-21:00 by the step; 13:00-00:00 UTC in May
            ("marketing", NIGHT, "2026-05-04T12:59:59", "2026-05-04T13:00:00"),
            ("marketing", NIGHT, "2026-05-04T13:00:00", None),
            ("marketing", NIGHT, "2026-05-04T23:59:59", None),
            ("marketing", NIGHT, "2026-05-05T00:00:00", "2026-05-05T13:00:00"),
            ("marketing", None, "2026-05-04T11:59:59", "2026-05-04T12:00:00"),
            ("marketing", None, "2026-05-04T12:00:00", None),
            ("marketing", None, "2026-05-05T00:00:00", "2026-05-05T12:00:00"),
            ("transactional", NIGHT, "2026-05-05T00:59:59", None),
            ("transactional", NIGHT, "2026-05-05T01:00:00", "2026-05-05T13:00:00"),
            ("transactional", None, "2026-05-05T05:00:00", None),
        ],
    )
    def test_are_the_laws_and_the_steps(
        self, contact: Contact, purpose: str, quiet: QuietHours | None, now: str, until: str | None
    ) -> None:
        answer = self.ask(contact, now, purpose=purpose, quiet=quiet)
        assert (answer.reason, answer.held_until) == ("", at(until) if until else None)
        assert answer.facts["verdict"] == ("held" if until else "allowed")

    def test_tell_until_when_the_message_may_start(self, contact: Contact) -> None:
        assert self.ask(contact, "2026-05-04T13:00:00").closes_at == at("2026-05-05T00:00:00")
        assert self.ask(contact, "2026-05-05T05:00:00", purpose="transactional", quiet=None).closes_at is None

    def test_go_by_the_contacts_zone_and_the_numbers_law(self, contact: Contact) -> None:
        answer = self.ask(contact, "2026-05-04T13:00:00", timezone="America/Los_Angeles")
        assert answer.held_until == at("2026-05-04T16:00:00")
        assert answer.facts["hours"] == {
            "zones": ["America/Los_Angeles"],
            "place": "US-FL",
            "opens_at": "2026-05-04T16:00:00+00:00",
            "closes_at": "2026-05-05T03:00:00+00:00",
        }

    def test_wait_for_every_zone_that_it_may_be(self, contact: Contact) -> None:
        answer = self.ask(contact, "2026-05-04T15:30:00", phone="+12085550123")  # Boise or Los Angeles
        assert answer.held_until == at("2026-05-04T16:00:00")
        assert self.ask(contact, "2026-05-05T02:59:59", phone="+12085550123").held_until is None
        assert self.ask(contact, "2026-05-05T03:00:00", phone="+12085550123").held_until == at("2026-05-05T16:00:00")

    def test_of_a_state_that_is_closed_on_sundays_begin_on_monday(self, contact: Contact) -> None:
        answer = self.ask(contact, "2026-05-03T15:00:00", phone="+18015550123")  # Utah
        assert answer.held_until == at("2026-05-04T15:00:00")

    def test_that_never_meet_skip_the_message(self, contact: Contact) -> None:
        answer = self.ask(contact, "2026-05-04T15:00:00", quiet=QuietHours(time(7), time(22)))
        assert (answer.reason, answer.held_until) == (NEVER_OPEN, None)
        assert answer.facts["verdict"] == "skipped"

    def test_do_not_matter_to_who_gets_nothing_anyway(self, contact: Contact) -> None:
        consent(contact, Channel.SMS, "opt_out")
        answer = self.ask(contact, "2026-05-05T05:00:00", channel=Channel.VOICE)
        assert (answer.reason, answer.held_until) == ("Contact opted out of SMS", None)
        assert "hours" not in answer.facts

    def test_come_before_the_cap(self, contact: Contact) -> None:
        for _ in range(3):
            rewrite(message(contact, channel="sms"), sent_at=at("2026-05-05T04:00:00"))
        assert self.ask(contact, "2026-05-05T05:00:00").held_until == at("2026-05-05T13:00:00")

    def test_change_with_the_table(self, contact: Contact) -> None:
        CallingHours.objects.filter(country="US", region="FL", weekday=0).update(end=time(10))
        assert self.ask(contact, "2026-05-04T14:00:00").held_until == at("2026-05-05T13:00:00")

    @pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.MESSENGER])
    def test_do_not_bind_other_channels(self, contact: Contact, channel: Channel) -> None:
        (answer,) = judge(
            account_id=contact.account_id,
            channel=channel,
            purpose="transactional",
            sendings=[Sending(contact.id, None, phone=MIAMI)],
            quiet_hours=NIGHT,
            now=at("2026-05-05T05:00:00"),
        )
        assert (answer.held_until, answer.closes_at) == (None, None)


class TestFrequency:
    def test_counts_up_to_the_cap(self, contact: Contact) -> None:
        message(contact)
        message(contact, status="queued", sent_at=None)
        assert verdict(contact, Channel.EMAIL).facts["frequency"] == {"sent": 2, "cap": 3}
        assert reason(contact, Channel.EMAIL) == ""
        message(contact, status="opened")
        assert (
            reason(contact, Channel.EMAIL)
            == "Frequency cap reached: 3 of 3 marketing messages by email within 24 hours"
        )

    def test_does_not_bind_transactional_messages(self, contact: Contact) -> None:
        for _ in range(3):
            message(contact)
        answer = verdict(contact, Channel.EMAIL, "transactional")
        assert answer.reason == ""
        assert "frequency" not in answer.facts

    def test_is_a_setting_of_the_account(self, contact: Contact, account: Account, other_account: Account) -> None:
        Account.objects.filter(id=account.id).update(frequency_cap=1)
        stranger = ContactFactory(account=other_account)
        message(contact)
        message(stranger)
        assert (
            reason(contact, Channel.EMAIL)
            == "Frequency cap reached: 1 of 1 marketing messages by email within 24 hours"
        )
        assert reason(stranger, Channel.EMAIL) == ""

    @pytest.mark.parametrize(("ago", "sent"), [(DAY - SECOND, 1), (DAY, 0)])
    def test_looks_back_a_day_from_the_sending(self, contact: Contact, ago: timedelta, sent: int) -> None:
        rewrite(message(contact), created_at=NOW - 2 * DAY, sent_at=NOW - ago)
        assert verdict(contact, Channel.EMAIL).facts["frequency"]["sent"] == sent

    @pytest.mark.parametrize(("ago", "sent"), [(DAY - SECOND, 1), (DAY, 0)])
    def test_counts_what_is_on_its_way_for_a_day(self, contact: Contact, ago: timedelta, sent: int) -> None:
        rewrite(message(contact, status="queued", sent_at=None), created_at=NOW - 2 * DAY, updated_at=NOW - ago)
        assert verdict(contact, Channel.EMAIL).facts["frequency"]["sent"] == sent

    @pytest.mark.parametrize(
        "facts",
        [
            {"purpose": "transactional"},
            {"channel": "sms"},
            {"direction": "inbound"},
            {"status": "failed", "sent_at": None},
        ],
    )
    def test_counts_nothing_else(self, contact: Contact, facts: dict[str, Any]) -> None:
        message(contact, **facts)
        assert verdict(contact, Channel.EMAIL).facts["frequency"]["sent"] == 0

    def test_does_not_count_another_contact(self, contact: Contact, account: Account) -> None:
        message(ContactFactory(account=account))
        assert verdict(contact, Channel.EMAIL).facts["frequency"]["sent"] == 0

    def test_does_not_count_rows_of_another_account(self, contact: Contact, other_account: Account) -> None:
        MessageFactory(account=other_account, contact_id=contact.id, sent_at=NOW)
        assert verdict(contact, Channel.EMAIL).facts["frequency"]["sent"] == 0

    def test_does_not_count_what_was_written_before_any_attempt_can_last(self, contact: Contact) -> None:
        rewrite(message(contact), created_at=NOW - 4 * DAY)
        assert verdict(contact, Channel.EMAIL).facts["frequency"]["sent"] == 0

    def test_does_not_count_the_message_itself(self, contact: Contact) -> None:
        own = message(contact, status="queued", sent_at=None)
        assert verdict(contact, Channel.EMAIL, message_id=own.id).facts["frequency"]["sent"] == 0


class TestMany:
    def test_answers_in_order(self, account: Account) -> None:
        contacts = ContactFactory.create_batch(3, account=account)
        consent(contacts[1], Channel.EMAIL, "opt_out")
        verdicts = judge(
            account_id=account.id,
            channel=Channel.EMAIL,
            purpose="marketing",
            sendings=[Sending(each.id, uuid7()) for each in contacts],
            now=NOW,
        )
        assert [each.reason for each in verdicts] == ["", "Contact opted out of email", ""]

    @pytest.mark.parametrize("size", [1, 30])
    def test_takes_one_more_for_the_law(self, account: Account, size: int) -> None:
        contacts = ContactFactory.create_batch(size, account=account)
        sendings = [Sending(contact.id, uuid7(), phone="+13055550123") for contact in contacts]
        with CaptureQueriesContext(connection) as queries:
            judge(account_id=account.id, channel=Channel.SMS, purpose="marketing", sendings=sendings, now=NOW)
        assert len(queries) == 2

    @pytest.mark.parametrize("size", [1, 30])
    def test_takes_one_query(self, account: Account, size: int) -> None:
        contacts = ContactFactory.create_batch(size, account=account)
        sendings = [Sending(contact.id, uuid7()) for contact in contacts]
        with CaptureQueriesContext(connection) as queries:
            judge(account_id=account.id, channel=Channel.EMAIL, purpose="marketing", sendings=sendings, now=NOW)
        assert len(queries) == 1

    def test_knows_nothing_of_other_accounts(self, account: Account, other_account: Account) -> None:
        stranger = ContactFactory(account=other_account)
        consent(stranger, Channel.SMS, "opt_in")
        message(stranger)
        (answer,) = judge(
            account_id=account.id,
            channel=Channel.SMS,
            purpose="marketing",
            sendings=[Sending(stranger.id, None)],
            now=NOW,
        )
        assert answer.reason == "Contact did not opt in to SMS"
        assert answer.facts["frequency"]["sent"] == 0
