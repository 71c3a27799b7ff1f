"""A mail's whole way: from the workflow through the lane and the mail server to what the contact does with it."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.actors import SYSTEM
from workflows.crm.models import Event
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.perform.settling import settle_many
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.messaging.models import Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.providers.smtp import pool
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.models import ActionExecution, WorkflowDispatch
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

BASE = "http://127.0.0.1:8000"
MAIL = {
    "subject": "Welcome {{ contact.first_name }}",
    "from_name": "Ada",
    "from_email": "ada@acme.example",
    "body_html": '<p>Hello {{ contact.first_name }}, <a href="https://acme.example/start">start</a></p>',
}
CHAIN = [("send_email", MAIL), ("add_tag", {"tag_name": "Mailed {{ steps.send_email.to }}"}), ("send_email", MAIL)]


@pytest.fixture
def workflow(account: Any, postbox: PostboxClient) -> Iterator[Any]:
    settings = {"host": postbox.address.host, "port": postbox.address.smtp, "security": "none"}
    ConnectionFactory(account=account, settings=settings)
    yield ActiveWorkflowFactory(account=account, chain=CHAIN)
    pool.clear()


def perform() -> None:
    perform_due("email")
    advance_all()


def links(body: str) -> dict[str, str]:
    """Return the paths of a mail's addresses by what they are for."""
    urls = [html.unescape(url) for url in re.findall(r'(?:href|src)="([^"]+)"', body)]
    return {url.removeprefix(BASE).strip("/").split("/")[-2]: url.removeprefix(BASE) for url in urls}


class TestAMail:
    def test_is_sent_opened_followed_and_stopped(
        self, workflow: Any, postbox: PostboxClient, virtual_clock: VirtualClock, client: Client
    ) -> None:
        execution = enrolled(workflow, virtual_clock, first_name="Zoë", email="zoe@example.com")
        advance_all()
        key = WorkflowDispatch.objects.get().id
        perform_due("email")

        (entry,) = postbox.mails()
        message = Message.objects.get()
        assert (entry["subject"], entry["key"]) == ("Welcome Zoë", f"<{key}@acme.example>")
        assert (message.id, message.status) == (key, "sent")
        log = ActionExecution.objects.get(action_key="send_email")
        assert (log.status, log.result_data["to"]) == ("completed", "zoe@example.com")
        assert log.result_data["message_id"] == str(message.id)
        assert "Hello" not in str(log.execution_data)

        paths = links(entry["body"])
        client.get(paths["o"])
        assert client.get(paths["c"])["Location"] == "https://acme.example/start"
        client.get(paths["unsubscribe"])
        message.refresh_from_db()
        assert (message.status, message.opens, message.clicks) == ("clicked", 1, 1)

        client.post(paths["unsubscribe"])
        advance_all()
        perform()
        execution.refresh_from_db()
        assert execution.status == "completed"
        assert logged(execution) == [("send_email", "completed"), ("add_tag", "completed"), ("send_email_2", "skipped")]
        skipped = ActionExecution.objects.get(action_key="send_email_2")
        assert skipped.result_data == {"reason": "Contact opted out of email"}
        assert len(postbox.mails()) == 1
        recorded = Event.objects.filter(contact_id=execution.contact_id).order_by("sequence")
        wanted = ["email_opened", "email_clicked", "unsubscribed"]
        assert [event.event_type for event in recorded if event.event_type in wanted] == wanted

    @pytest.mark.parametrize(("word", "arrivals"), [("sent", 1), ("not_sent", 2)])
    def test_that_may_have_arrived_waits_for_a_word_and_is_never_sent_unasked(
        self, workflow: Any, postbox: PostboxClient, virtual_clock: VirtualClock, word: str, arrivals: int
    ) -> None:
        postbox.add_rule("drop_reply", times=1)
        execution = enrolled(workflow, virtual_clock, email="zoe@example.com")
        advance_all()
        perform()
        perform()

        execution.refresh_from_db()
        log = ActionExecution.objects.get(action_key="send_email")
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
        assert (log.status, log.error_class) == ("failed", "outcome_unknown")
        assert len(postbox.mails()) == 1
        message = Message.objects.get()
        assert (message.status, message.error_message[:24]) == ("queued", "The mail was handed over")

        settle_many(
            account_id=workflow.account_id, actor=SYSTEM, log_ids=[log.id], outcome=word, now=virtual_clock.now()
        )
        perform_due("email")
        message.refresh_from_db()
        assert (message.status, message.error_message) == ("sent", "")
        assert [entry["key"] for entry in postbox.mails()] == [f"<{message.id}@acme.example>"] * arrivals

    def test_is_tried_again_under_the_same_id(
        self, workflow: Any, postbox: PostboxClient, virtual_clock: VirtualClock
    ) -> None:
        postbox.add_rule("status", status=450, stage="rcpt", times=1)
        enrolled(workflow, virtual_clock, email="zoe@example.com")
        advance_all()
        perform()
        assert (Message.objects.get().status, postbox.counts()["new"]) == ("queued", 0)

        virtual_clock.advance(minutes=2)
        advance_all()
        perform_due("email")
        message = Message.objects.get()
        assert (message.status, message.error_message) == ("sent", "")
        assert [entry["key"] for entry in postbox.mails()] == [f"<{message.id}@acme.example>"]
        log = ActionExecution.objects.get(action_key="send_email")
        assert [attempt["error_class"] for attempt in log.attempts] == ["unavailable"]

    def test_to_nobody_is_passed_over(self, workflow: Any, virtual_clock: VirtualClock) -> None:
        execution = enrolled(workflow, virtual_clock)
        type(execution.contact).objects.filter(id=execution.contact_id).update(email="")
        advance_all()
        perform()
        perform()
        execution.refresh_from_db()
        assert execution.status == "completed"
        assert not Message.objects.exists()
