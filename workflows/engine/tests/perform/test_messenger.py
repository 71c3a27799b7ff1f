"""A Messenger message's whole way: from the workflow through gate and lane to Meta, and back by its callbacks."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.actors import SYSTEM
from workflows.actions import messenger
from workflows.crm.models import Contact, ContactIdentity
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.engine.perform import lanes
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.ticks import answer_on_messenger_tick, meet_on_messenger_tick
from workflows.messaging.models import Connection, Message
from workflows.messaging.postbox import POSTBOX_APP_SECRET
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.providers.messenger import sign
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory, MessageFactory
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

PAGE, PERSON = "104270000000001", "2001"
HOUR = timedelta(hours=1)


@pytest.fixture
def connection(account: Any, settings: Any, postbox: PostboxClient, tmp_path: Any, monkeypatch: Any) -> Connection:
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, "https://crm.example"
    postbox.address.write(tmp_path)
    monkeypatch.setattr(messenger, "LOOK_AFTER_SECONDS", (0.0,))
    token = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="page token")
    app_secret = create_secret(account_id=account.id, actor=SYSTEM, name="app", value=POSTBOX_APP_SECRET)
    return ConnectionFactory(
        account=account,
        kind="messenger",
        settings={"page_id": PAGE, "api_host": "postbox.test", "api_version": "v26.0"},
        secret=token,
        webhook_secret=app_secret,
    )


@pytest.fixture
def workflow(account: Any, connection: Connection) -> Workflow:
    config = {"page_id": str(connection.id), "message_type": "text", "content": {"text": "Hello"}}
    chain = [("send_messenger", config), ("add_tag", {"tag_name": "Written"})]
    return ActiveWorkflowFactory(account=account, chain=chain)


def entered(workflow: Workflow, clock: Any) -> WorkflowExecution:
    """Let somebody enter who has just written."""
    execution = enrolled(workflow, clock)
    contact = Contact.objects.get(id=execution.contact_id)
    ContactIdentity.objects.create(
        account=contact.account, contact=contact, kind="external", source=f"messenger:{PAGE}", value=PERSON
    )
    MessageFactory(
        account=contact.account,
        contact_id=contact.id,
        channel="messenger",
        direction="inbound",
        recipient=PAGE,
        sent_at=clock.now(),
    )
    return execution


def live() -> None:
    advance_all()
    perform_due("messenger")
    advance_all()


def tell(connection: Connection, item: dict[str, Any]) -> int:
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, "messaging": [item]}]}).encode()
    headers = {"X-Hub-Signature-256": sign(POSTBOX_APP_SECRET, body)}
    url = f"/hooks/messenger/{connection.id}"
    return Client().post(url, body, content_type="application/json", headers=headers).status_code


class TestAMessage:
    def test_is_sent_and_the_contact_goes_on(self, workflow, postbox, virtual_clock) -> None:
        execution = entered(workflow, virtual_clock)
        live()
        (entry,) = postbox.chats()
        message = Message.objects.get(direction="outbound")
        assert (message.status, message.provider_message_id) == ("sent", entry["key"])
        assert logged(execution) == [("send_messenger", "completed"), ("add_tag", "completed")]
        log = ActionExecution.objects.get(action_key="send_messenger")
        assert log.result_data == {
            "message_id": str(message.id),
            "provider_message_id": entry["key"],
            "to": PERSON,
        }
        assert "Hello" not in str(log.execution_data)

    def test_outside_the_window_is_passed_over(self, workflow, postbox, virtual_clock) -> None:
        execution = entered(workflow, virtual_clock)
        virtual_clock.advance(hours=24)
        live()
        assert logged(execution) == [("send_messenger", "skipped"), ("add_tag", "completed")]
        log = ActionExecution.objects.get(action_key="send_messenger")
        assert log.result_data == {"reason": "outside_24h_window"}
        assert postbox.chats() == []

    @pytest.mark.parametrize("closing", ["window", "opt-out"])
    def test_prepared_in_time_and_started_too_late_goes_back_to_the_gate(
        self, workflow, postbox, virtual_clock, monkeypatch, closing
    ) -> None:
        execution = entered(workflow, virtual_clock)
        start = lanes.start

        def late(*arguments: Any) -> Any:
            if closing == "window":
                virtual_clock.advance(hours=24)
            else:
                change = ConsentChange(execution.contact_id, "messenger", "opt_out", virtual_clock.now())
                set_consents(account_id=workflow.account_id, changes=[change], now=virtual_clock.now())
            return start(*arguments)

        monkeypatch.setattr(lanes, "start", late)
        live()
        monkeypatch.setattr(lanes, "start", start)
        assert postbox.chats() == []
        virtual_clock.advance(seconds=5)
        live()
        log = ActionExecution.objects.get(action_key="send_messenger")
        reasons = {"window": "outside_24h_window", "opt-out": "Contact opted out of Messenger"}
        assert (log.status, log.result_data) == ("skipped", {"reason": reasons[closing]})
        assert postbox.chats() == []

    def test_refused_for_its_token_pauses_the_execution(self, workflow, postbox, virtual_clock) -> None:
        body = '{"error": {"code": 190, "message": "Error validating access token"}}'
        postbox.add_rule("status", protocol="messenger", status=401, body=body)
        execution = entered(workflow, virtual_clock)
        live()
        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "authentication")

    def test_nobody_knows_of_is_never_sent_again_unasked_and_settled_by_its_echo(
        self, workflow, connection, postbox, virtual_clock
    ) -> None:
        postbox.add_rule("reset", protocol="messenger", method="POST", times=1)
        execution = entered(workflow, virtual_clock)
        for _ in range(3):
            live()
            virtual_clock.advance(hours=2)
        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
        assert postbox.counts(protocol="messenger", method="POST")["total"] == 1
        message = Message.objects.get(direction="outbound")
        at = round(virtual_clock.now().timestamp() * 1000)
        item = {"sender": {"id": PAGE}, "recipient": {"id": PERSON}, "timestamp": at}
        assert (
            tell(connection, {**item, "message": {"mid": "m_1", "is_echo": True, "metadata": str(message.id)}}) == 200
        )
        advance_all()
        execution.refresh_from_db()
        message.refresh_from_db()
        assert (execution.status, message.status, message.provider_message_id) == ("completed", "sent", "m_1")
        assert postbox.counts(protocol="messenger", method="POST")["total"] == 1

    def test_is_tried_again_when_meta_is_away(self, workflow, postbox, virtual_clock) -> None:
        postbox.add_rule("status", protocol="messenger", status=503, body='{"error": {"code": 2}}', times=1)
        execution = entered(workflow, virtual_clock)
        live()
        virtual_clock.advance(minutes=2)
        live()
        assert logged(execution) == [("send_messenger", "completed"), ("add_tag", "completed")]
        assert Message.objects.filter(direction="outbound").count() == 1


class TestAnswers:
    @pytest.fixture
    def answer(self, account, connection, virtual_clock) -> Message:
        return MessageFactory(
            account=account,
            connection_id=connection.id,
            channel="messenger",
            status="queued",
            purpose="transactional",
            sender=PAGE,
            recipient=PERSON,
            text="You are unsubscribed.",
        )

    def test_are_sent_once_however_often_workers_are_woken(self, answer, postbox) -> None:
        for _ in range(3):
            answer_on_messenger_tick(str(answer.account_id), str(answer.id))
        (entry,) = postbox.chats()
        assert json.loads(entry["body"])["message"]["text"] == "You are unsubscribed."
        answer.refresh_from_db()
        assert (answer.status, answer.provider_message_id) == ("sent", entry["key"])

    @pytest.mark.parametrize(("behaviour", "status"), [("status", "failed"), ("drop_reply", "sent")])
    def test_are_not_repeated_when_they_fail(self, answer, postbox, behaviour, status) -> None:
        postbox.add_rule(behaviour, protocol="messenger", times=1, status=400)
        for _ in range(2):
            answer_on_messenger_tick(str(answer.account_id), str(answer.id))
        answer.refresh_from_db()
        assert answer.status == status
        assert len(postbox.chats()) == 1

    def test_of_another_account_are_left(self, answer, other_account, postbox) -> None:
        answer_on_messenger_tick(str(other_account.id), str(answer.id))
        assert postbox.chats() == []


class TestNames:
    def meet(self, connection: Connection, contact: Contact) -> None:
        meet_on_messenger_tick(str(connection.account_id), str(connection.id), str(contact.id), PERSON)
        contact.refresh_from_db()

    def test_are_asked_for_and_kept(self, connection, account, virtual_clock) -> None:
        contact = Contact.objects.create(account=account)
        self.meet(connection, contact)
        assert contact.first_name
        assert contact.last_name

    def test_that_are_known_stay(self, connection, account, virtual_clock) -> None:
        contact = Contact.objects.create(account=account, last_name="Known")
        self.meet(connection, contact)
        assert (contact.first_name, contact.last_name) == ("", "Known")

    @pytest.mark.parametrize("body", ["{}", "[]", '{"first_name": 5}', "x"])
    def test_that_meta_does_not_tell_stay_empty(self, connection, account, postbox, virtual_clock, body) -> None:
        postbox.add_rule("accept", protocol="messenger", body=body)
        contact = Contact.objects.create(account=account)
        self.meet(connection, contact)
        assert (contact.first_name, contact.last_name) == ("", "")

    def test_of_contacts_of_another_account_are_left(self, connection, other_account, virtual_clock) -> None:
        contact = Contact.objects.create(account=other_account)
        self.meet(connection, contact)
        assert contact.first_name == ""
