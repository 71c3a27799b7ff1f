"""Effects outside under fire: workers killed, the database stopped, replies dropped; nothing lost, nothing twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.tests.factories import AccountFactory
from workflows.authoring.publishing import activate_workflow, pause_workflow
from workflows.crm.models import Contact, ContactTag
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.services.locking import lock_contacts
from workflows.engine.enroll import enroll_many
from workflows.engine.perform.settling import settle_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.messaging.postbox.testing import PostboxClient, postbox_in_process
from workflows.messaging.services.mail_connections import connect_smtp
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof

CONTACTS = 3000
KILLS = 100
CRASHES = 5
DROPPED = 0.05
RESUMED_SECONDS = 30.0

Step = tuple[str, dict[str, Any]]


@pytest.fixture
def postbox(tmp_path: Path) -> Iterator[PostboxClient]:
    with postbox_in_process(tmp_path / "postbox") as client:
        yield client


def new_account(postbox: PostboxClient) -> Account:
    account = AccountFactory()
    connect_smtp(
        account_id=account.id,
        actor=SYSTEM,
        name="Postbox",
        host=postbox.address.host,
        port=postbox.address.smtp,
    )
    return account


def new_contacts(account: Account, count: int) -> list[UUID]:
    contacts = [
        Contact(account=account, first_name=f"C{number}", email=f"c{number}@example.com") for number in range(count)
    ]
    Contact.objects.bulk_create(contacts)
    return [contact.id for contact in contacts]


def mail() -> Step:
    return "send_email", {
        "subject": "Welcome, {{ contact.first_name }}",
        "from_name": "Ada",
        "from_email": "ada@acme.example",
        "body_text": "Hello {{ contact.first_name }}.",
    }


def hook(url: str) -> Step:
    return "webhook_call", {"url": url, "method": "POST", "payload": {"name": "{{ contact.first_name }}"}}


def arrivals(postbox: PostboxClient) -> dict[str, dict[str, Any]]:
    """Return what the postbox counted for each idempotency key; a mail's is the left part of its Message-ID."""
    counted = postbox.keys(limit=100_000)
    return {entry["key"].lstrip("<").partition("@")[0]: entry for entry in counted}


def in_hand() -> bool:
    """Say whether something is leased, of executions or of effects."""
    return (
        WorkflowDispatch.objects.exclude(lease_id=None).exists()
        or WorkflowExecution.objects.exclude(lease_id=None).exists()
    )


def all_rest(workflow: Workflow, expected: int) -> bool:
    executions = WorkflowExecution.objects.filter(workflow=workflow)
    resting = executions.filter(status="completed") | executions.filter(pause_reason="outcome_unknown")
    return resting.count() == expected


def resumed(since: float) -> bool:
    """Say whether no lease is left that somebody held at that time (monotonic seconds) and did not extend."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM (
                SELECT lease_until FROM workflow_executions WHERE lease_id IS NOT NULL
                UNION ALL SELECT lease_until FROM workflow_dispatches WHERE lease_id IS NOT NULL
            ) leases WHERE lease_until < clock_timestamp() + make_interval(secs => 20 - %s)
            """,
            [time.monotonic() - since],
        )
        return bool(cursor.fetchone()[0] == 0)


class TestCrashes:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_lose_nothing_and_send_no_key_twice_as_new(
        self, installation: Installation, postbox: PostboxClient, seed: int
    ) -> None:
        random.seed(seed)
        for protocol in ("smtp", "http"):
            postbox.add_rule("drop_reply", protocol=protocol, fraction=DROPPED, seed=seed)
        account = new_account(postbox)
        contact_ids = new_contacts(account, CONTACTS)
        workflow: Workflow = ActiveWorkflowFactory(
            account=account, chain=[("add_tag", {"tag_name": "Lead"}), mail(), hook(postbox.url("/hooks/proof"))]
        )
        installation.start_workers(2)
        page = CONTACTS // KILLS
        crashes = set(random.sample(range(KILLS), CRASHES))
        hits = 0
        for number in range(KILLS):
            enroll_many(
                account_id=account.id,
                workflow_id=workflow.id,
                contacts=contact_ids[number * page : (number + 1) * page],
                source="command",
                now=installation.clock.now(),
            )
            installation.clock.advance(5)
            wait_until(in_hand, seconds=60)
            time.sleep(random.uniform(0, 0.3))
            hits += in_hand()
            installation.kill_a_worker()
            if number in crashes:
                installation.crash_database()
            time.sleep(random.uniform(0.2, 1.2))
        last_blow = time.monotonic()
        seconds = wait_until(lambda: not in_hand() or resumed(last_blow), seconds=RESUMED_SECONDS)
        wait_until(lambda: all_rest(workflow, CONTACTS), seconds=300, meanwhile=lambda: installation.clock.advance(10))

        executions = WorkflowExecution.objects.filter(workflow=workflow)
        before = Counter(executions.values_list("status", "pause_reason"))
        arrived = arrivals(postbox)
        assert not [key for key in arrived.values() if key["new"] > 1]
        logs = ActionExecution.objects.filter(workflow_id=workflow.id)
        unknown = logs.filter(error_class="outcome_unknown", status="failed")
        assert unknown.count() == before["paused", "outcome_unknown"]
        keys = dict(WorkflowDispatch.objects.filter(status="unknown").values_list("log_id", "id"))
        assert set(unknown.values_list("id", flat=True)) == set(keys)
        say(
            f"seed {seed}: {hits} of {KILLS} kills hit work in hand; nothing of it was left after {seconds:.1f} s; "
            f"{dict(before)}; {sum(key['repeated'] for key in arrived.values())} repeated by key"
        )

        for outcome, were_sent in (("sent", True), ("not_sent", False)):
            settle_many(
                account_id=account.id,
                actor=SYSTEM,
                log_ids=[log_id for log_id, key in keys.items() if (str(key) in arrived) is were_sent],
                outcome=outcome,
                now=installation.clock.now(),
            )
        postbox.clear_rules()
        wait_until(
            lambda: executions.filter(status="completed").count() == CONTACTS,
            seconds=120,
            meanwhile=lambda: installation.clock.advance(10),
        )
        arrived = arrivals(postbox)
        assert Counter((key["protocol"], key["new"]) for key in arrived.values()) == {
            ("smtp", 1): CONTACTS,
            ("http", 1): CONTACTS,
        }
        assert Counter(logs.values_list("visit", "action_key", "status")) == {
            (visit, key, "completed"): CONTACTS for visit, key in enumerate(("add_tag", "send_email", "webhook_call"))
        }
        tags = Counter(ContactTag.objects.filter(contact_id__in=contact_ids).values_list("contact_id", flat=True))
        assert Counter(tags.values()) == {1: CONTACTS}
        assert not WorkflowDispatch.objects.filter(workflow_id=workflow.id).exists()


class TestHosts:
    """The healthy host answers in half a second: places count then, not how busy the machine is."""

    def test_that_are_dead_or_slow_take_little_from_the_healthy(
        self, installation: Installation, postbox: PostboxClient
    ) -> None:
        postbox.add_rule("accept", path="/hooks/healthy*", delay_ms=500)
        postbox.add_rule("accept", path="/hooks/slow*", delay_ms=10_000)
        installation.start_workers(2)
        account = new_account(postbox)
        healthy = hook(postbox.url("/hooks/healthy"))
        dead, slow = (
            hook("http://127.0.0.1:9/hooks/dead"),
            hook(f"http://localhost:{postbox.address.http}/hooks/slow"),
        )

        alone = self.rate(installation, account, healthy, [])
        beside = self.rate(installation, account, healthy, [dead, slow])

        say(f"the healthy host: {alone:.0f}/s alone, {beside:.0f}/s beside a dead and a slow one: {beside / alone:.0%}")
        assert beside >= 0.8 * alone

    def rate(self, installation: Installation, account: Account, step: Step, others: list[Step]) -> float:
        """Return the calls per second that `step` makes for 1500 contacts while as many wait for each other host."""
        contact_ids = new_contacts(account, 1500)
        workflows: list[Workflow] = [ActiveWorkflowFactory(account=account, chain=[each]) for each in (*others, step)]
        for start in range(0, len(contact_ids), 250):
            for workflow in workflows:
                enroll_many(
                    account_id=account.id,
                    workflow_id=workflow.id,
                    contacts=contact_ids[start : start + 250],
                    source="command",
                    now=installation.clock.now(),
                )
        completed = WorkflowExecution.objects.filter(workflow=workflows[-1], status="completed")
        wait_until(lambda: completed.count() > 100, seconds=60)
        begun, at = completed.count(), time.monotonic()
        wait_until(lambda: completed.count() == len(contact_ids), seconds=120)
        return (len(contact_ids) - begun) / (time.monotonic() - at)


class TestGate:
    def test_starts_no_call_after_the_answer_to_pause_delete_or_unsubscribe(
        self, installation: Installation, postbox: PostboxClient
    ) -> None:
        postbox.add_rule("accept", delay_ms=50)
        account = new_account(postbox)
        contact_ids = new_contacts(account, 1500)
        workflow: Workflow = ActiveWorkflowFactory(account=account, chain=[mail(), hook(postbox.url("/hooks/gate"))])
        installation.start_workers(2)
        enroll_many(
            account_id=account.id,
            workflow_id=workflow.id,
            contacts=contact_ids,
            source="command",
            now=installation.clock.now(),
        )
        logs = ActionExecution.objects.filter(workflow_id=workflow.id)
        mails = logs.filter(action_key="send_email")
        wait_until(lambda: mails.filter(status="completed").count() > 100, seconds=60)
        doomed = iter(random.sample(contact_ids, 200))
        gone: dict[UUID, datetime] = {}
        quiet: dict[UUID, datetime] = {}
        for _ in range(4):
            for _ in range(25):
                deleted, silenced = next(doomed), next(doomed)
                with transaction.atomic():
                    delete_contacts(
                        account_id=account.id, actor=SYSTEM, contact_ids=[deleted], now=installation.clock.now()
                    )
                gone[deleted] = installation.clock.now()
                with transaction.atomic():
                    lock_contacts(account_id=account.id, contact_ids=[silenced])
                    change = ConsentChange(silenced, "email", "opt_out", installation.clock.now())
                    set_consents(account_id=account.id, changes=[change], now=installation.clock.now())
                quiet[silenced] = installation.clock.now()
            pause_workflow(account_id=account.id, actor=SYSTEM, workflow_id=workflow.id)
            paused_at = installation.clock.now()
            time.sleep(1)
            assert not logs.filter(started_at__gt=paused_at).exists()
            activate_workflow(account_id=account.id, actor=SYSTEM, workflow_id=workflow.id)
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        wait_until(lambda: not executions.filter(completed_at=None).exists(), seconds=120)

        for contact_id, at in gone.items():
            assert not logs.filter(contact_id=contact_id, started_at__gt=at).exists()
        for contact_id, at in quiet.items():
            assert not mails.filter(contact_id=contact_id, started_at__gt=at).exclude(status="skipped").exists()
        ends = Counter(executions.values_list("status", "completion_reason"))
        skipped = mails.filter(status="skipped", contact_id__in=quiet).count()
        say(f"{dict(ends)}; {skipped} of {len(quiet)} that unsubscribed were passed over")
        sent = Counter(entry["protocol"] for entry in arrivals(postbox).values())
        assert sent["smtp"] == mails.filter(status="completed").count()
        assert sent["http"] == logs.filter(action_key="webhook_call", status="completed").count()


class TestStopping:
    def test_gives_back_calls_that_outlast_it(self, installation: Installation, postbox: PostboxClient) -> None:
        postbox.add_rule("hang")
        account = new_account(postbox)
        workflows = [
            ActiveWorkflowFactory(account=account, chain=[step]) for step in (mail(), hook(postbox.url("/hooks/hang")))
        ]
        contact_ids = new_contacts(account, 5)
        installation.start_workers(1)
        for workflow in workflows:
            enroll_many(
                account_id=account.id,
                workflow_id=workflow.id,
                contacts=contact_ids,
                source="command",
                now=installation.clock.now(),
            )
        sending = WorkflowDispatch.objects.filter(account=account, status="sending")
        wait_until(lambda: sending.count() == 10, seconds=30)

        started = time.monotonic()
        installation.stop_workers()
        seconds = time.monotonic() - started

        say(f"ended in {seconds:.1f} s with ten calls that hang")
        assert seconds < 30
        hooks = WorkflowDispatch.objects.filter(workflow_id=workflows[1].id)
        assert set(hooks.values_list("status", "lease_id", "lost_leases")) == {("ready", None, 0)}
        mails = WorkflowExecution.objects.filter(workflow=workflows[0])
        assert set(mails.values_list("status", "pause_reason")) == {("paused", "outcome_unknown")}
