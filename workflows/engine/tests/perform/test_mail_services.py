"""A mail's whole way through a mail service: sent, told of, and settled where its answer was lost."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.actors import SYSTEM
from workflows.actions import mails
from workflows.api.tests.hooks import test_mail_services as hooks
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.clock import DatabaseClock, VirtualClock, using
from workflows.engine.enroll import enroll
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.leading import advance_all, enrolled
from workflows.messaging.models import Connection, Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.secrets import create_secret
from workflows.models import ActionExecution, DispatchStatus, WorkflowDispatch
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db
MAIL = {
    "subject": "Welcome {{ contact.first_name }}",
    "from_name": "Ada",
    "from_email": "ada@acme.example",
    "body_html": "<p>Hello {{ contact.first_name }}</p>",
}
SENDING = {
    "sendgrid": "/v3/mail/send",
    "mailgun": "/v3/mg.acme.example/messages",
    "postmark": "/email",
    "ses": "/v2/email/outbound-emails",
}


@pytest.fixture(autouse=True)
def at_the_postbox(settings: Any, postbox_server: PostboxClient, tmp_path: Any, monkeypatch: Any) -> None:
    settings.DATA_DIR = tmp_path
    settings.PUBLIC_URL = "http://127.0.0.1:1"
    postbox_server.address.write(tmp_path)
    monkeypatch.setattr(mails, "LOOK_AFTER_SECONDS", (0.0, 0.0))


def connected(account: Any, kind: str) -> Connection:
    connection = hooks.connect(account, kind)
    connection.settings = {
        **hooks.SETTINGS[kind],
        "access_key_id": "AKIA0123456789ABCDEF",
        "message_stream": "outbound",
    }
    connection.secret = create_secret(account_id=account.id, actor=SYSTEM, name=f"{kind} key", value="the key")
    connection.save()
    return connection


def tell(connection: Connection, message: Message, happening: str) -> Any:
    """Call back as the service does, by the clock that it signs with."""
    with using(DatabaseClock()):
        return hooks.tell(connection, message, happening)


def workflow_of(account: Any) -> Any:
    return ActiveWorkflowFactory(account=account, chain=[("send_email", MAIL), ("add_tag", {"tag_name": "Mailed"})])


def perform() -> None:
    perform_due("email")
    advance_all()


@pytest.mark.parametrize("kind", hooks.KINDS)
class TestAMail:
    def test_goes_out_and_is_told_of(
        self, account: Any, postbox: PostboxClient, virtual_clock: VirtualClock, kind: str
    ) -> None:
        connection = connected(account, kind)
        execution = enrolled(workflow_of(account), virtual_clock, first_name="Zoë", email="zoe@example.com")
        advance_all()
        perform()
        (entry,) = postbox.mails()
        assert (entry["subject"], entry["recipients"]) == ("Welcome Zoë", ["zoe@example.com"])
        message = Message.objects.get()
        log = ActionExecution.objects.get(action_key="send_email")
        number = dict(entry["headers"])["Postbox-Id"]
        assert (message.status, message.connection_id, message.provider_message_id) == ("sent", connection.id, number)
        assert log.result_data == {
            "message_id": str(message.id),
            "provider_message_id": number,
            "to": "zoe@example.com",
        }
        execution.refresh_from_db()
        assert execution.status == "completed"
        assert "the key" not in str(WorkflowDispatch.objects.values())
        tell(connection, message, "delivered")
        message.refresh_from_db()
        assert message.status == "delivered"

    def test_whose_answer_was_lost_is_found_or_told_of(
        self, account: Any, postbox: PostboxClient, virtual_clock: VirtualClock, kind: str
    ) -> None:
        connection = connected(account, kind)
        postbox.add_rule("drop_reply", path=SENDING[kind], times=1)
        execution = enrolled(workflow_of(account), virtual_clock, email="zoe@example.com")
        advance_all()
        perform()
        perform()
        execution.refresh_from_db()
        is_found = kind in {"mailgun", "postmark"}
        assert len(postbox.mails(method="POST")) == 1
        if not is_found:
            assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
            assert WorkflowDispatch.objects.get().status == DispatchStatus.UNKNOWN
            assert tell(connection, Message.objects.get(), "delivered").status_code == 200
            virtual_clock.advance(days=365)  # beyond the moment of the callback
            perform()
            execution.refresh_from_db()
        assert execution.status == "completed"
        assert Message.objects.get().status == ("sent" if is_found else "delivered")
        assert len(postbox.mails(method="POST")) == 1

    def test_that_is_throttled_waits_as_long_as_the_service_wants(
        self, account: Any, postbox: PostboxClient, virtual_clock: VirtualClock, kind: str
    ) -> None:
        connected(account, kind)
        postbox.add_rule("status", path=SENDING[kind], status=429, retry_after="1800", body="{}", times=1)
        execution = enrolled(workflow_of(account), virtual_clock, email="zoe@example.com")
        advance_all()
        perform()
        execution.refresh_from_db()
        assert abs(execution.due_at - virtual_clock.now() - timedelta(minutes=30)) < timedelta(minutes=1)
        virtual_clock.advance(minutes=31)
        advance_all()
        perform()
        execution.refresh_from_db()
        assert execution.status == "completed"


class TestADeadAddress:
    def test_gets_no_more_mail(self, account: Any, postbox: PostboxClient, virtual_clock: VirtualClock) -> None:
        connection = connected(account, "postmark")
        workflow = workflow_of(account)
        first = enrolled(workflow, virtual_clock, email="Zoe@example.com")
        advance_all()
        perform()
        tell(connection, Message.objects.get(), "bounced")
        again = ActiveWorkflowFactory(account=account, chain=[("send_email", MAIL)])
        other = ContactFactory(account=account, email="other@example.com")
        for contact_id in (first.contact_id, other.id):
            enroll(
                account_id=account.id,
                workflow_id=again.id,
                contact_id=contact_id,
                source="api",
                now=virtual_clock.now(),
            )
        advance_all()
        perform()
        log = ActionExecution.objects.get(contact_id=first.contact_id, workflow_execution__workflow=again)
        assert log.result_data == {"reason": mails.DEAD_ADDRESS}
        assert [entry["recipients"] for entry in postbox.mails(method="POST")] == [
            ["zoe@example.com"],
            ["other@example.com"],
        ]
