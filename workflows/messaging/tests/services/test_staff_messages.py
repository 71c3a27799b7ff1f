"""What members were told already."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection as database

from accounts.models import Account
from workflows.messaging.models import StaffMessage, StaffMessageStatus
from workflows.messaging.services import sms
from workflows.messaging.services.staff_messages import (
    KEPT,
    begin,
    conclude,
    give_up,
    id_of,
    prune_staff_messages,
    record_receipt,
    settle,
)
from workflows.messaging.tests.factories import MessageFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CONNECTION = uuid4()
BOB, EVE = uuid4(), uuid4()
PHONES = {BOB: "+14155550201", EVE: "+14155550202"}


def begun(account: Account, key: UUID, user_id: UUID = BOB, **changes: object) -> bool:
    fields = {"sender": "+14155550100", "recipient": PHONES[user_id], "text": "Hello", **changes}
    return begin(
        account_id=account.id,
        step_key=key,
        channel="sms",  # type: ignore[arg-type]  # as it is stored
        user_id=user_id,
        connection_id=CONNECTION,
        now=NOW,
        **fields,  # type: ignore[arg-type]  # texts
    ).is_mine


def end(account: Account, key: UUID, status: str, user_id: UUID = BOB, sid: str = "") -> None:
    message_id = id_of(key, "sms", user_id)  # type: ignore[arg-type]  # as it is stored
    conclude(account_id=account.id, message_id=message_id, status=StaffMessageStatus(status), now=NOW, sid=sid)


def receipt(
    account: Account, key: UUID, user_id: UUID = BOB, sid: str = "SM1", connection_id: UUID = CONNECTION
) -> object:
    return record_receipt(
        account_id=account.id,
        connection_id=connection_id,
        message_id=id_of(key, "sms", user_id),  # type: ignore[arg-type]  # as it is stored
        sid=sid,
        now=NOW,
    )


def statuses() -> dict[str, str]:
    return dict(StaffMessage.objects.values_list("recipient", "status"))


class TestBegin:
    @pytest.mark.parametrize(
        ("status", "is_mine"),
        [("sending", False), ("sent", False), ("failed", False), ("queued", True), ("unknown", True)],
    )
    def test_gives_it_to_one_alone(self, account: Account, status: str, is_mine: bool) -> None:
        key = uuid4()
        assert begun(account, key)
        StaffMessage.objects.update(status=status)
        assert begun(account, key) is is_mine

    def test_knows_steps_and_receivers_apart(self, account: Account) -> None:
        key = uuid4()
        assert begun(account, key)
        assert begun(account, key, EVE)
        assert begun(account, uuid4())


class TestDoubt:
    def test_ends_by_the_last_receipt(self, account: Account) -> None:
        key = uuid4()
        for user_id in (BOB, EVE):
            begun(account, key, user_id)
        give_up(account_id=account.id, step_keys=[key], now=NOW)
        assert receipt(account, key) is None
        assert receipt(account, key) is None
        assert receipt(account, key, EVE, sid="SM2") == key
        assert statuses() == {PHONES[BOB]: "sent", PHONES[EVE]: "sent"}

    def test_ends_by_a_persons_word(self, account: Account) -> None:
        key, other = uuid4(), uuid4()
        begun(account, key)
        begun(account, other, EVE)
        give_up(account_id=account.id, step_keys=[key, other], now=NOW)
        settle(account_id=account.id, step_keys=[key], now=NOW)
        assert statuses() == {PHONES[BOB]: "sent", PHONES[EVE]: "unknown"}

    def test_is_none_where_a_receipt_came_first(self, account: Account) -> None:
        key = uuid4()
        begun(account, key)
        assert receipt(account, key) is None
        end(account, key, "failed")
        give_up(account_id=account.id, step_keys=[key], now=NOW)
        assert statuses() == {PHONES[BOB]: "sent"}

    def test_is_not_for_other_accounts_or_connections_to_end(self, account: Account, other_account: Account) -> None:
        key = uuid4()
        begun(account, key)
        give_up(account_id=other_account.id, step_keys=[key], now=NOW)
        assert statuses() == {PHONES[BOB]: "sending"}
        give_up(account_id=account.id, step_keys=[key], now=NOW)
        assert receipt(other_account, key) is None
        assert receipt(account, key, connection_id=uuid4()) is None
        settle(account_id=other_account.id, step_keys=[key], now=NOW)
        assert statuses() == {PHONES[BOB]: "unknown"}


class TestTwins:
    def test_are_texts_that_say_the_same_to_the_same_member(self, account: Account) -> None:
        key, other = uuid4(), uuid4()
        begun(account, key)
        message_id = id_of(key, "sms", BOB)  # type: ignore[arg-type]  # as it is stored
        assert not sms.has_twin(account_id=account.id, message_id=message_id)
        begun(account, other)
        assert sms.has_twin(account_id=account.id, message_id=message_id)
        end(account, other, "sent", sid="SM1")
        assert not sms.has_twin(account_id=account.id, message_id=message_id)

    def test_have_their_ids_looked_up_among_texts_to_contacts_as_well(self, account: Account) -> None:
        key = uuid4()
        begun(account, key)
        end(account, key, "sent", sid="SM1")
        message = MessageFactory(account=account, channel="sms", provider_message_id="SM2")
        taken = sms.sids_of_others(account_id=account.id, message_id=uuid4(), sids=["SM1", "SM2", "SM3"])
        assert taken == {"SM1", "SM2"}
        own = id_of(key, "sms", BOB)  # type: ignore[arg-type]  # as it is stored
        assert sms.sids_of_others(account_id=account.id, message_id=own, sids=["SM1"]) == set()
        assert sms.sid_of(account_id=account.id, message_id=own) == "SM1"
        assert sms.sid_of(account_id=account.id, message_id=message.id) == "SM2"


class TestPruning:
    def test_removes_page_by_page_what_is_old(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workflows.messaging.services.staff_messages.PAGE_SIZE", 1)
        for age in (timedelta(0), KEPT - timedelta(seconds=1), KEPT + timedelta(seconds=1), 2 * KEPT):
            begun(account, uuid4())
            with database.cursor() as cursor:
                cursor.execute(
                    "UPDATE messaging_staffmessage SET updated_at = %s WHERE updated_at = %s AND text = 'Hello'",
                    [NOW - age, NOW],
                )
                cursor.execute("UPDATE messaging_staffmessage SET text = 'Old'")
        assert prune_staff_messages(now=NOW) == 2
        assert StaffMessage.objects.count() == 2
