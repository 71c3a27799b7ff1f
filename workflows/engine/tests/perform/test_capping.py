"""The frequency cap under several workers: mails of many workflows to one contact at a time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import Account
from accounts.tenancy import system_scope
from accounts.tests.factories import AccountFactory
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.leading import advance_all
from workflows.messaging.models import Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.providers.smtp import pool
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.models import ActionExecution
from workflows.tests.factories import ActiveWorkflowFactory

WORKFLOWS = 8
MAIL = {"subject": "Hi", "from_name": "Ada", "from_email": "ada@acme.example", "body_text": "Hello"}


def enroll_in(account: Account, count: int, clock: VirtualClock) -> None:
    contact = ContactFactory(account=account)
    for _ in range(count):
        workflow = ActiveWorkflowFactory(account=account, chain=[("send_email", MAIL)])
        enroll(account_id=account.id, workflow_id=workflow.id, contact_id=contact.id, source="api", now=clock.now())
    advance_all()


@pytest.mark.django_db(transaction=True)
def test_several_workers_send_no_more_than_the_cap(postbox: PostboxClient, virtual_clock: VirtualClock) -> None:
    account = AccountFactory(frequency_cap=3)
    settings = {"host": postbox.address.host, "port": postbox.address.smtp, "security": "none"}
    ConnectionFactory(account=account, settings=settings)
    enroll_in(account, WORKFLOWS, virtual_clock)

    def work(_: int) -> None:
        try:
            with system_scope("a lane makes the calls that are due"):
                perform_due("email")
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(work, range(3)))
    pool.clear()

    assert len(postbox.mails()) == 3
    assert Message.objects.filter(status="sent").count() == 3
    logs = ActionExecution.objects.filter(action_type="send_email")
    assert logs.filter(status="completed").count() == 3
    held_back = logs.filter(status="skipped")
    assert held_back.count() == WORKFLOWS - 3
    assert {log.result_data["reason"] for log in held_back} == {
        "Frequency cap reached: 3 of 3 marketing messages by email within 24 hours"
    }
