from datetime import UTC, datetime, timedelta
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
from workflows.messaging.gate import Sending, Verdict, judge
from workflows.messaging.models import Message
from workflows.messaging.tests.factories import MessageFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


@pytest.fixture
def contact(account: Account) -> Contact:
    return ContactFactory(account=account)


def verdict(
    contact: Contact, channel: Channel, purpose: str = "marketing", *, message_id: UUID | None = None
) -> Verdict:
    sendings = [Sending(contact.id, message_id)]
    (answer,) = judge(account_id=contact.account_id, channel=channel, purpose=purpose, sendings=sendings, now=NOW)
    return answer


def reason(contact: Contact, channel: Channel, purpose: str = "marketing", *, message_id: UUID | None = None) -> str:
    return verdict(contact, channel, purpose, message_id=message_id).reason


def consent(contact: Contact, channel: Channel, state: str) -> None:
    change = ConsentChange(contact.id, channel, state, NOW - DAY, evidence="Form")
    set_consents(account_id=contact.account_id, changes=[change], now=NOW)


def message(contact: Contact, **facts: Any) -> Message:
    return MessageFactory(account=contact.account, contact_id=contact.id, **{"sent_at": NOW - SECOND, **facts})


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
            (Channel.MESSENGER, None, "outside_24h_window", ""),
            (Channel.MESSENGER, "opt_in", "outside_24h_window", ""),
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
        }

    def test_says_why_a_message_was_skipped(self, contact: Contact) -> None:
        assert verdict(contact, Channel.VOICE).facts["verdict"] == "skipped"


class TestMessenger:
    @pytest.mark.parametrize(("ago", "expected"), [(DAY - SECOND, ""), (DAY, "outside_24h_window")])
    def test_is_open_for_a_day_after_the_contact_wrote(self, contact: Contact, ago: timedelta, expected: str) -> None:
        rewrite(message(contact, channel="messenger", direction="inbound"), created_at=NOW - ago)
        answer = verdict(contact, Channel.MESSENGER)
        assert answer.reason == expected
        assert answer.facts["last_heard_at"] == (NOW - ago).isoformat()

    def test_is_not_opened_by_what_we_wrote_or_by_other_channels(self, contact: Contact) -> None:
        rewrite(message(contact, channel="messenger"), created_at=NOW)
        rewrite(message(contact, channel="sms", direction="inbound"), created_at=NOW)
        assert reason(contact, Channel.MESSENGER) == "outside_24h_window"


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
