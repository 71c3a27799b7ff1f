"""Messages that come at the same time, as Meta sends them when it is impatient."""

import random
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from accounts.models import Account
from workflows.crm.models import Consent, Contact, ContactIdentity, Event
from workflows.crm.tests.together import together
from workflows.messaging.models import Message
from workflows.messaging.providers.messenger import MessengerPage
from workflows.messaging.providers.messenger.callbacks import Received
from workflows.messaging.services.messenger_inbox import take_message
from workflows.messaging.tests.factories import ConnectionFactory

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
PAGE = "104270000000001"


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_make_one_contact_of_a_person_and_count_once(self, account: Account) -> None:
        page = MessengerPage.of(ConnectionFactory(account=account, kind="messenger", settings={"page_id": PAGE}))
        received = [
            Received(str(3000 + number % 4), f"m_{number}", NOW + timedelta(seconds=number), f"Message {number}")
            for number in range(20)
        ] * 3
        random.Random(5).shuffle(received)
        taken = together([partial(take_message, page=page, received=each, now=NOW) for each in received])
        assert all(taken)
        assert Contact.objects.filter(account=account).count() == 4
        assert ContactIdentity.objects.filter(account=account, source=f"messenger:{PAGE}").count() == 4
        assert Message.objects.filter(account=account).count() == 20
        assert Event.objects.filter(account=account, event_type="messenger_received").count() == 20
        assert sum(each.is_new_contact for each in taken) == 4

    def test_answer_stop_once(self, account: Account) -> None:
        page = MessengerPage.of(ConnectionFactory(account=account, kind="messenger", settings={"page_id": PAGE}))
        received = [Received("3000", f"m_{number % 4}", NOW, "STOP") for number in range(12)]
        taken = together([partial(take_message, page=page, received=each, now=NOW) for each in received])
        assert sum(each.answer_id is not None for each in taken) == 1
        assert Message.objects.filter(account=account, direction="outbound").count() == 1
        assert Consent.objects.get(account=account).state == "opt_out"
