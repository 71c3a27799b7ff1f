from datetime import timedelta

import pytest
from django.utils import timezone

from workflows.crm.catalogue import EVENT_TYPES
from workflows.crm.models import Consent, Event
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Message
from workflows.messaging.services.engagement import record_click, record_open, unsubscribe
from workflows.messaging.services.messages import record_errors, record_sent
from workflows.messaging.tests.factories import MessageFactory
from workflows.messaging.tokens import Sent

pytestmark = pytest.mark.django_db

NOW = timezone.now()
URL = "https://acme.example/start"


@pytest.fixture
def contact(account):
    return ContactFactory(account=account)


@pytest.fixture
def message(contact) -> Message:
    return MessageFactory(account=contact.account, contact_id=contact.id)


@pytest.fixture
def sent(message) -> Sent:
    return Sent(message.account_id, message.contact_id, message.id)


def events() -> list[tuple[str, dict]]:
    return [(event.event_type, event.data) for event in Event.objects.order_by("sequence")]


class TestRecordOpen:
    def test_counts_and_is_an_event_the_first_time(self, message, sent):
        record_open(sent=sent, now=NOW)
        record_open(sent=sent, now=NOW + timedelta(hours=1))
        message.refresh_from_db()
        assert (message.status, message.opens, message.opened_at, message.clicks) == ("opened", 2, NOW, 0)
        assert events() == [("email_opened", {"message_id": str(message.id), "subject": "Welcome"})]

    @pytest.mark.parametrize("status", ["clicked", "bounced", "complained", "failed"])
    def test_never_moves_a_status_back(self, message, sent, status):
        Message.objects.update(status=status)
        record_open(sent=sent, now=NOW)
        message.refresh_from_db()
        assert (message.status, message.opens) == (status, 1)

    def test_may_come_before_the_server_answered(self, message, sent):
        Message.objects.update(status="queued")
        record_open(sent=sent, now=NOW)
        record_sent(account_id=message.account_id, message_ids=[message.id], now=NOW)
        record_errors(account_id=message.account_id, errors={message.id: "No."}, are_final=True, now=NOW)
        message.refresh_from_db()
        assert (message.status, message.sent_at, message.error_message) == ("opened", NOW, "")

    def test_leaves_other_accounts_alone(self, message, sent, other_account):
        record_open(sent=Sent(other_account.id, sent.contact_id, sent.message_id), now=NOW)
        message.refresh_from_db()
        assert (message.opens, events()) == (0, [])

    def test_records_no_event_for_a_deleted_contact(self, contact, message, sent):
        contact.deleted_at = NOW
        contact.save()
        record_open(sent=sent, now=NOW)
        message.refresh_from_db()
        assert (message.opens, events()) == (1, [])

    def test_passes_over_a_mail_that_is_gone(self, message, sent):
        message.delete()
        record_open(sent=sent, now=NOW)
        assert events() == []


class TestRecordClick:
    def test_is_an_event_for_each_link_in_order(self, message, sent):
        for url in (URL, URL, "https://acme.example/other", URL):
            record_click(sent=sent, url=url, now=NOW)
        record_open(sent=sent, now=NOW)
        message.refresh_from_db()
        facts = {"message_id": str(message.id), "subject": "Welcome"}
        assert (message.status, message.clicks, message.opens) == ("clicked", 4, 1)
        assert (message.opened_at, message.clicked_at) == (NOW, NOW)
        assert events() == [
            ("email_opened", facts),
            ("email_clicked", facts | {"url": URL}),
            ("email_clicked", facts | {"url": "https://acme.example/other"}),
        ]

    def test_carries_the_data_that_the_catalogue_promises(self, sent):
        record_click(sent=sent, url=URL, now=NOW)
        for event_type, data in events():
            assert set(data) == set(EVENT_TYPES[event_type])


class TestUnsubscribe:
    def test_opts_out_of_email_once(self, contact, message, sent):
        unsubscribe(sent=sent, now=NOW)
        unsubscribe(sent=sent, now=NOW + timedelta(hours=1))
        consent = Consent.objects.get()
        assert (consent.contact_id, consent.channel, consent.state) == (contact.id, "email", "opt_out")
        assert consent.recorded_at == NOW
        assert consent.evidence == f"Unsubscribe link of the e-mail {message.id}"
        assert events() == [("unsubscribed", {"channel": "email"})]

    def test_outweighs_an_earlier_opt_in(self, contact, sent):
        change = ConsentChange(contact.id, "email", "opt_in", NOW - timedelta(days=1), "Form")
        set_consents(account_id=contact.account_id, changes=[change], now=NOW)
        unsubscribe(sent=sent, now=NOW)
        assert Consent.objects.get().state == "opt_out"

    def test_leaves_contacts_of_other_accounts_alone(self, contact, sent, other_account):
        unsubscribe(sent=Sent(other_account.id, contact.id, sent.message_id), now=NOW)
        assert not Consent.objects.exists()

    def test_leaves_a_deleted_contact_alone(self, contact, sent):
        contact.deleted_at = NOW
        contact.save()
        unsubscribe(sent=sent, now=NOW)
        assert not Consent.objects.exists()

    def test_works_for_a_mail_that_is_gone(self, message, sent):
        message.delete()
        unsubscribe(sent=sent, now=NOW)
        assert Consent.objects.get().state == "opt_out"
