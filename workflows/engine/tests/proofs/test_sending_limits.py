"""Sending limits, counted where the provider counts: never more in any second, nothing lost, nobody else held up."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.engine.tests.proofs.texting import (
    arrivals,
    contacts_with_phones,
    enroll_all,
    most_within,
    postbox_of,
    seconds_of,
    texting_account,
    texting_workflow,
)
from workflows.messaging.models import Connection, Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.models import ActionExecution, WorkflowExecution

pytestmark = pytest.mark.proof

PER_SECOND = 100
QUEUED = 3000
OTHERS = 20
LONG_NUMBER = 3
SECONDS = 8
BUSY, QUIET = "+14155550100", "+14155550101"


@pytest.fixture
def postbox(installation: Installation) -> Iterator[PostboxClient]:
    with postbox_of(installation) as client:
        yield client


class TestAConnectionsLimit:
    def test_holds_within_the_accounts(self, installation: Installation, postbox: PostboxClient) -> None:
        account = texting_account(BUSY, sms_per_second=PER_SECOND)
        Connection.objects.filter(account=account).update(messages_per_second=LONG_NUMBER)
        workflow = texting_workflow(account, BUSY)
        installation.start_workers(4)
        enroll_all(installation, workflow, list(contacts_with_phones(account, LONG_NUMBER * SECONDS).values()))
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        wait_until(lambda: executions.filter(status="completed").count() == LONG_NUMBER * SECONDS, seconds=60)

        times = [seconds_of(entry) for entry in arrivals(postbox)[BUSY]]
        rate = (len(times) - 1) / (max(times) - min(times))
        say(f"{len(times)} SMS through a connection: at most {most_within(times, 1.0)} in any second, {rate:.1f}/s")
        assert len(times) == LONG_NUMBER * SECONDS
        assert most_within(times, 1.0) <= LONG_NUMBER
        assert rate >= 0.7 * LONG_NUMBER


class TestAHundredPerSecond:
    """That nothing exceeds the limit holds anywhere; its rate takes two processors with little else to do."""

    def test_are_never_exceeded_and_all_arrive(self, installation: Installation, postbox: PostboxClient) -> None:
        busy, quiet = (
            texting_account(BUSY, sms_per_second=PER_SECOND),
            texting_account(QUIET, sms_per_second=PER_SECOND),
        )
        contacts = {each.id: list(contacts_with_phones(each, QUEUED).values()) for each in (busy, quiet)}
        workflow, other = texting_workflow(busy, BUSY), texting_workflow(quiet, QUIET)
        enroll_all(installation, workflow, contacts[busy.id])
        installation.start_workers(4)
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        wait_until(lambda: executions.filter(status="completed").count() > PER_SECOND, seconds=60)

        delays = []
        for contact_id in contacts[quiet.id][:OTHERS]:
            enroll_all(installation, other, [contact_id])
            begun, sent = time.monotonic(), postbox.counts(protocol="sms")["total"]
            mine = WorkflowExecution.objects.filter(workflow=other, contact_id=contact_id, status="completed")
            wait_until(mine.exists, seconds=30)
            delays.append(time.monotonic() - begun)
            assert postbox.counts(protocol="sms")["total"] > sent
        held = ActionExecution.objects.filter(workflow_id=workflow.id, status="scheduled")
        reasons = Counter(held.values_list("result_data__reason", flat=True))
        wait_until(lambda: not executions.exclude(status="completed").exists(), seconds=120)

        arrived = arrivals(postbox)
        times = [seconds_of(entry) for entry in arrived[BUSY]]
        rate = (len(times) - 1) / (max(times) - min(times))
        most = most_within(times, 1.0)
        say(
            f"{len(times)} SMS: at most {most} in any second, {rate:.0f}/s; {reasons.total()} were scheduled once; "
            f"another account's took {sorted(delays)[len(delays) // 2]:.2f} s (median), {max(delays):.2f} s at most"
        )
        assert most <= PER_SECOND
        assert rate >= 0.85 * PER_SECOND
        assert set(reasons) == {"rate_limited"}
        assert max(delays) < 10
        for sender, count in ((BUSY, QUEUED), (QUIET, OTHERS)):
            recipients = Counter(entry["recipients"][0] for entry in arrived[sender])
            assert (len(recipients), set(recipients.values())) == (count, {1})
        assert Counter(executions.values_list("status", flat=True)) == {"completed": QUEUED}
        logs = ActionExecution.objects.filter(workflow_id=workflow.id)
        assert Counter(logs.values_list("status", "retry_count")) == {("completed", 0): QUEUED}
        assert not logs.exclude(attempts=[]).exists()
        assert Message.objects.filter(account=busy).exclude(status="sent").count() == 0
