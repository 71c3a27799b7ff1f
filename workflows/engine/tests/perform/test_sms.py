"""An SMS's whole way: from the workflow through the gate, the lane and Twilio to its receipts and the answer."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from accounts.actors import SYSTEM
from workflows.actions import sms
from workflows.crm.models import Consent
from workflows.engine.perform.lanes import perform_due
from workflows.engine.perform.settling import settle_many
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.messaging.models import Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

HOST = "https://crm.example"
FROM, TO = "+14155550100", "+14155550123"
CHAIN = [
    (
        "send_sms",
        {"message": "Hello", "from_number": FROM, "purpose": "transactional", "respect_quiet_hours": False},
    ),
    ("add_tag", {"tag_name": "Texted"}),
]
REFUSED = '{"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}'


@pytest.fixture
def workflow(account: Any, settings: Any, postbox: PostboxClient, tmp_path: Any, monkeypatch: Any) -> Workflow:
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, HOST
    postbox.address.write(tmp_path)
    monkeypatch.setattr(sms, "LOOK_AFTER_SECONDS", (0.0,))
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    options = {
        "account_sid": "AC" + "0a" * 16,
        "api_host": "postbox.test",
        "numbers": [{"number": FROM, "types": ["sms"]}],
    }
    ConnectionFactory(account=account, kind="twilio", settings=options, secret=secret)
    return ActiveWorkflowFactory(account=account, chain=CHAIN)


def live() -> None:
    advance_all()
    perform_due("sms")
    advance_all()


def tell(message: Message, status: str) -> int:
    path = f"/hooks/twilio/{message.connection_id}?message={message.id}"
    form = {"MessageSid": "SM1", "MessageStatus": status}
    headers = {"X-Twilio-Signature": RequestValidator("auth token").compute_signature(HOST + path, form)}
    kind = "application/x-www-form-urlencoded"
    return Client().post(path, urlencode(form), content_type=kind, headers=headers).status_code


def in_doubt(executions: Sequence[WorkflowExecution]) -> list[ActionExecution]:
    rows = ActionExecution.objects.filter(workflow_execution__in=executions, error_class="outcome_unknown")
    return list(rows.order_by("id"))


class TestAnSms:
    def test_is_sent_and_the_contact_goes_on(self, workflow, postbox, virtual_clock) -> None:
        execution = enrolled(workflow, virtual_clock, phone=TO)
        live()
        (entry,) = postbox.messages()
        message = Message.objects.get()
        assert (message.status, message.provider_message_id) == ("sent", entry["key"])
        assert logged(execution) == [("send_sms", "completed"), ("add_tag", "completed")]
        log = ActionExecution.objects.get(action_key="send_sms")
        assert (log.result_data["sid"], log.result_data["segments"]) == (entry["key"], 1)
        assert "Hello" not in str(log.execution_data)

    def test_to_who_opted_out_at_twilio_suppresses_and_skips(self, workflow, postbox, virtual_clock) -> None:
        postbox.add_rule("status", protocol="sms", status=400, body=REFUSED, times=1)
        execution = enrolled(workflow, virtual_clock, phone=TO)
        live()
        assert logged(execution) == [("send_sms", "skipped"), ("add_tag", "completed")]
        log = ActionExecution.objects.get(action_key="send_sms")
        assert log.result_data == {"reason": "Contact opted out of SMS", "provider_code": 21610}
        assert Consent.objects.get(contact_id=execution.contact_id, channel="sms").state == "opt_out"

    def test_nobody_knows_of_is_never_sent_again_unasked(self, workflow, postbox, virtual_clock) -> None:
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        execution = enrolled(workflow, virtual_clock, phone=TO)
        for _ in range(3):
            live()
            virtual_clock.advance(hours=2)
        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
        assert postbox.counts(protocol="sms", method="POST")["total"] == 1

    def test_in_doubt_is_settled_by_its_receipt(self, workflow, postbox, virtual_clock) -> None:
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        execution = enrolled(workflow, virtual_clock, phone=TO)
        live()
        assert len(in_doubt([execution])) == 1
        assert tell(Message.objects.get(), "delivered") == 204
        advance_all()
        execution.refresh_from_db()
        assert execution.status == "completed"
        message = Message.objects.get()
        assert (message.status, message.provider_message_id) == ("delivered", "SM1")
        log = ActionExecution.objects.get(action_type="send_sms")
        assert log.result_data == {"settled": "sent", "message_id": str(message.id)}
        assert postbox.counts(protocol="sms", method="POST")["total"] == 1

    def test_lost_by_the_hundred_is_found_or_settled_in_bulk(self, workflow, postbox, virtual_clock) -> None:
        """One in ten answers is lost; of these, half cannot be looked up, since the list is away."""
        postbox.add_rule("drop_reply", protocol="sms", method="POST", fraction=0.1, seed=4)
        postbox.add_rule("status", protocol="sms", method="GET", status=503, fraction=0.5, seed=5)
        executions = [enrolled(workflow, virtual_clock, phone=f"+1415555{2000 + number}") for number in range(100)]
        for _ in range(6):
            live()
            virtual_clock.advance(minutes=1)
        lost = postbox.counts(protocol="sms", behaviour="drop_reply", method="POST")["total"]
        unknown = in_doubt(executions)
        assert 0 < len(unknown) < lost
        assert postbox.counts(protocol="sms", method="POST", outcome="new")["total"] == 100
        ids = [row.id for row in unknown]
        settled = settle_many(
            account_id=workflow.account_id, actor=SYSTEM, log_ids=ids, outcome="sent", now=virtual_clock.now()
        )
        assert settled.settled == ids
        advance_all()
        assert set(WorkflowExecution.objects.values_list("status", flat=True)) == {"completed"}
        assert set(Message.objects.values_list("status", flat=True)) == {"sent"}
        recipients = [entry["recipients"][0] for entry in postbox.messages(method="POST")]
        assert len(recipients) == len(set(recipients)) == 100
