from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Message
from workflows.messaging.tests.factories import CallFactory, MessageFactory

pytestmark = pytest.mark.django_db

PATH = "/api/v1/messages"


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [item["id"] for item in answer.json()["items"]]


class TestListing:
    def test_is_by_time_whatever_the_ids(self, api, account):
        now = timezone.now()
        made = [MessageFactory(account=account, id=uuid4()) for _ in range(5)]
        for number, message in enumerate(made):
            Message.objects.filter(id=message.id).update(created_at=now - timedelta(minutes=number // 2))
        expected = [
            str(message.id)
            for message in sorted(
                Message.objects.all(), key=lambda message: (message.created_at, message.id), reverse=True
            )
        ]
        assert ids(api.get(PATH)) == expected

        seen, cursor, pages = [], "", []
        while True:
            answer = api.get(PATH, {"limit": 2, **({"cursor": cursor} if cursor else {})})
            seen += ids(answer)
            pages.append(answer.json())
            cursor = answer.json()["next"]
            if not cursor:
                break
        assert seen == expected
        assert ids(api.get(PATH, {"limit": 2, "cursor": pages[-1]["previous"]})) == expected[2:4]
        assert pages[0]["previous"] is None

    @pytest.mark.parametrize("name", ["status", "channel", "contact_id", "execution_id"])
    def test_can_be_narrowed(self, api, account, name):
        contact = ContactFactory(account=account)
        execution_id = uuid4()
        wanted = MessageFactory(
            account=account, status="failed", channel="sms", contact_id=contact.id, execution_id=execution_id
        )
        MessageFactory(account=account)
        assert ids(api.get(PATH, {name: str(getattr(wanted, name))})) == [str(wanted.id)]

    def test_refuses_unknown_filters_and_foreign_cursors(self, api, account):
        MessageFactory.create_batch(2, account=account)
        assert api.get(PATH, {"state": "sent"}).json()["errors"][0]["code"] == "invalid_filter"
        assert api.get(PATH, {"status": "lost"}).status_code == 400
        audit_cursor = api.get(PATH, {"limit": 1}).json()["next"]
        contact = ContactFactory(account=account)
        assert api.get(f"/api/v1/contacts/{contact.id}/executions", {"cursor": audit_cursor}).status_code == 400

    def test_shows_no_bodies_and_takes_no_writes(self, api, account):
        message = MessageFactory(account=account)
        body = api.get(f"{PATH}/{message.id}").json()
        assert not [name for name in body if "body" in name]
        assert api.post(PATH, {}).status_code == 405
        assert api.patch(f"{PATH}/{message.id}", {}).status_code == 405
        assert api.delete(f"{PATH}/{message.id}").status_code == 405


class TestCalls:
    def test_are_messages_with_what_only_calls_have(self, api, account):
        call = CallFactory(account=account, recording_url="https://api.twilio.com/RE1", recording_seconds=70)
        other = MessageFactory(account=account)
        items = {item["id"]: item["call"] for item in api.get(PATH).json()["items"]}
        assert items == {
            str(other.id): None,
            str(call.message_id): {
                "status": "completed",
                "outcome": "voicemail_left",
                "answered_by": "machine_end_beep",
                "destination_status": "",
                "duration_seconds": 75,
                "recording_sid": "",
                "recording_url": "https://api.twilio.com/RE1",
                "recording_seconds": 70,
                "attempt": 0,
            },
        }
        assert api.get(f"{PATH}/{call.message_id}").json()["call"]["outcome"] == "voicemail_left"
        assert api.get(f"{PATH}/{other.id}").json()["call"] is None

    def test_need_no_query_each(self, api, account, django_assert_num_queries):
        CallFactory(account=account)
        api.get(PATH)
        with CaptureQueriesContext(connection) as few:
            api.get(PATH)
        CallFactory.create_batch(5, account=account)
        with django_assert_num_queries(len(few)):
            api.get(PATH)
