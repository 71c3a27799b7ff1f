from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import Account
from accounts.tenancy import account_scope
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Channel, Consent, Contact, Event
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.gate.words import ConsentWord
from workflows.messaging.services.consent_words import CONFIRMATIONS, apply_consent_word

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
UNSUBSCRIBED = "Acme: You are unsubscribed and will get no more messages. Reply START to subscribe again."
SUBSCRIBED = "Acme: You are subscribed to messages. Reply HELP for help, STOP to unsubscribe."
HELPED = "Acme: Reply STOP to get no more messages, START to get them again."


def say(*contacts: Contact, word: ConsentWord, at: datetime = NOW, **changes: Any) -> str | None:
    facts: dict[str, Any] = {
        "account_id": contacts[0].account_id,
        "contact_ids": [contact.id for contact in contacts],
        "channel": Channel.SMS,
        "word": word,
        "said_at": at,
        "evidence": "SMS reply",
        "now": at,
    }
    return apply_consent_word(**(facts | changes))


def consents(contact: Contact) -> list[tuple[str, str, str, datetime]]:
    rows = Consent.objects.filter(contact=contact).order_by("channel")
    return list(rows.values_list("channel", "state", "evidence", "recorded_at"))


@pytest.fixture
def contact(account: Account) -> Contact:
    Account.objects.filter(id=account.id).update(name="Acme")
    return ContactFactory(account=account)


@pytest.mark.django_db
class TestStop:
    def test_opts_out_of_the_channel_and_is_confirmed(self, contact: Contact) -> None:
        assert say(contact, word=ConsentWord.STOP) == UNSUBSCRIBED
        assert consents(contact) == [("sms", "opt_out", "SMS reply", NOW)]
        assert list(Event.objects.values_list("event_type", "contact_id")) == [("unsubscribed", contact.id)]

    def test_is_confirmed_once(self, contact: Contact) -> None:
        say(contact, word=ConsentWord.STOP)
        assert say(contact, word=ConsentWord.STOP, at=NOW + MINUTE) is None
        assert Event.objects.count() == 1

    def test_holds_for_all_contacts_of_the_number(self, contact: Contact, account: Account) -> None:
        twin = ContactFactory(account=account)
        assert say(contact, twin, word=ConsentWord.STOP) == UNSUBSCRIBED
        assert consents(contact) == consents(twin) == [("sms", "opt_out", "SMS reply", NOW)]

    def test_of_another_account_changes_nothing(self, contact: Contact, other_account: Account) -> None:
        assert say(contact, word=ConsentWord.STOP, account_id=other_account.id) is None
        assert consents(contact) == []

    def test_of_nobody_is_not_answered(self, account: Account, contact: Contact) -> None:
        assert say(contact, word=ConsentWord.STOP, contact_ids=[]) is None

    def test_that_comes_late_does_not_undo_a_newer_word(self, contact: Contact) -> None:
        say(contact, word=ConsentWord.STOP, at=NOW)
        say(contact, word=ConsentWord.START, at=NOW + 2 * MINUTE)
        assert say(contact, word=ConsentWord.STOP, at=NOW + MINUTE) is None
        assert consents(contact) == [("sms", "opt_in", "SMS reply", NOW + 2 * MINUTE)]


@pytest.mark.django_db
class TestStart:
    def test_lifts_an_opt_out_and_is_confirmed_once(self, contact: Contact) -> None:
        say(contact, word=ConsentWord.STOP)
        assert say(contact, word=ConsentWord.START, at=NOW + MINUTE) == SUBSCRIBED
        assert say(contact, word=ConsentWord.START, at=NOW + 2 * MINUTE) is None
        assert [each[:2] for each in consents(contact)] == [("sms", "opt_in")]

    def test_lifts_it_on_its_channel_alone(self, contact: Contact) -> None:
        say(contact, word=ConsentWord.STOP, channel=Channel.VOICE)
        say(contact, word=ConsentWord.START, at=NOW + MINUTE)
        assert [each[:2] for each in consents(contact)] == [("sms", "opt_in"), ("voice", "opt_out")]


@pytest.mark.django_db
class TestHelp:
    def test_is_answered_and_changes_nothing(self, contact: Contact) -> None:
        assert say(contact, word=ConsentWord.HELP) == HELPED
        assert say(contact, word=ConsentWord.HELP) == HELPED
        assert consents(contact) == []


class TestConfirmations:
    @pytest.mark.parametrize("word", ConsentWord)
    def test_are_one_message_each(self, word: ConsentWord) -> None:
        text = CONFIRMATIONS[word].format(name="x" * 50)
        assert len(text) <= 160
        assert text.isascii()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_many_stops_get_one_confirmation(self) -> None:
        contact = ContactFactory(account=AccountFactory(name="Acme"))

        def stop(number: int) -> str | None:
            try:
                with account_scope(contact.account_id):
                    return say(contact, word=ConsentWord.STOP, at=NOW + number * MINUTE)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(stop, range(12)))
        assert answers.count(UNSUBSCRIBED) == 1
        assert answers.count(None) == 11
        assert [each[:2] for each in consents(contact)] == [("sms", "opt_out")]
        assert Event.objects.count() == 1
