"""The lanes' figures: webhooks to a server that answers in 50 ms, and mails, with two workers."""

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accounts.actors import SYSTEM
from accounts.models import Account
from benchmarks.server import workers
from benchmarks.world import make_contacts
from workflows.engine import clock
from workflows.engine.enroll import enroll_many
from workflows.messaging.postbox.testing import PostboxClient, postbox_in_process
from workflows.messaging.services.mail_connections import connect_smtp
from workflows.models import WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

PROCESSES = 2
CONTACTS = 4000
ROUNDS = 3
LIMIT_SECONDS = 300.0
ANSWER_MS = 50
MAIL = {
    "subject": "Welcome, {{ contact.first_name }}",
    "from_name": "Ada of Acme",
    "from_email": "ada@acme.example",
    "body_html": '<p>Hello {{ contact.first_name }}, <a href="https://acme.example/start">start here</a>.</p>',
}


def measure(folder: Path) -> dict[str, float]:
    """Return every figure by its name; prints what happens on the way."""
    with postbox_in_process(folder / "postbox") as postbox:
        postbox.add_rule("accept", protocol="http", delay_ms=ANSWER_MS)
        account = Account.objects.create(name="Outside")
        connect_smtp(
            account_id=account.id,
            actor=SYSTEM,
            name="Postbox",
            host=postbox.address.host,
            port=postbox.address.smtp,
        )
        call = {
            "url": postbox.url("/hooks/benchmark"),
            "method": "POST",
            "payload": {"email": "{{ contact.email }}", "name": "{{ contact.first_name }}"},
        }
        with workers(PROCESSES):
            run(account, "webhook_call", call, 200)
            return {
                "webhook_steps_per_second": median(account, postbox, "webhook_call", call),
                "mails_per_second": median(account, postbox, "send_email", MAIL),
            }


def median(account: Account, postbox: PostboxClient, slug: str, config: Mapping[str, Any]) -> float:
    """Let the contacts take the step, three times; each must arrive exactly once."""
    rates = []
    for _ in range(ROUNDS):
        postbox.clear()
        rates.append(run(account, slug, config, CONTACTS))
        counts = postbox.counts()
        if (counts["new"], counts["repeated"]) != (CONTACTS, 0):
            raise RuntimeError(f"{CONTACTS} were to arrive, the postbox has {counts}")
        print(f"{slug}: {rates[-1]:,.0f}/s", flush=True)
    return statistics.median(rates)


def run(account: Account, slug: str, config: Mapping[str, Any], count: int) -> float:
    """Return steps per second, from enrolling to the end of the last execution."""
    workflow = ActiveWorkflowFactory(account=account, chain=[(slug, config)])
    contact_ids = make_contacts(account, count)
    started = time.monotonic()
    enroll_many(account_id=account.id, workflow_id=workflow.id, contacts=contact_ids, source="command", now=clock.now())
    executions = WorkflowExecution.objects.filter(workflow=workflow)
    while executions.filter(status="completed").count() < count:
        if time.monotonic() - started > LIMIT_SECONDS:
            raise RuntimeError("the workers do not come to an end")
        time.sleep(0.1)
    return count / (time.monotonic() - started)
