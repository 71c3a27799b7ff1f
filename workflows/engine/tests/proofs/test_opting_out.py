"""STOP in the middle of a burst: from the answer on nothing reaches the contact, whoever is killed meanwhile."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from workflows.crm.models import Consent
from workflows.engine.tests.proofs.installation import Installation, free_port, say, wait_until
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
from workflows.messaging.models import Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.models import ActionExecution, WorkflowDispatch, WorkflowExecution

pytestmark = pytest.mark.proof

CONTACTS = 1100
STOPS = 1000
"""The first of the contacts to make up their minds; some hear nothing, since a worker died over their message."""
TEXTS = 4
PER_SECOND = 150
SENDER = "+14155550100"
LONGEST_THOUGHT = 20.0  # seconds between a contact's first message and its STOP
KILL_EVERY = 6.0  # seconds: a worker needs half of it to start
GRACE_SECONDS = 1.0


@pytest.fixture
def postbox(installation: Installation) -> Iterator[PostboxClient]:
    port = free_port()
    with postbox_of(installation, public_url=f"http://127.0.0.1:{port}") as client:
        installation.start_web(port)
        yield client


class Crowd:
    """Contacts that write STOP some time after the first message that they got."""

    def __init__(self, postbox: PostboxClient, seed: int) -> None:
        self._postbox = postbox
        self._chance = random.Random(seed)
        self._last_entry = 0
        self._stops_at: dict[str, float] = {}
        self.stopped: set[str] = set()

    def live(self, pool: ThreadPoolExecutor) -> None:
        """Take note of who got a message; let those write whose moment has come."""
        for entry in self._postbox.messages(method="POST", after=self._last_entry, bodies="false"):
            self._last_entry = entry["id"]
            moment = time.monotonic() + self._chance.uniform(0, LONGEST_THOUGHT)
            self._stops_at.setdefault(entry["recipients"][0], moment)
        now = time.monotonic()
        due = [phone for phone, at in self._stops_at.items() if at <= now and phone not in self.stopped]
        due = due[: STOPS - len(self.stopped)]
        self.stopped.update(due)
        for phone in due:
            word = self._chance.choice(["STOP", " stop ", "Stop.", "unsubscribe", "STOP ALL"])
            pool.submit(self._postbox.reply, phone, SENDER, word)


def answered(postbox: PostboxClient) -> dict[str, dict[str, Any]]:
    """Return what STOP was answered with, by phone."""
    return {entry["recipients"][0]: entry for entry in postbox.messages(method="ANSWER", bodies="false")}


class TestStopDuringABurst:
    def test_lets_nothing_through_a_second_later(self, installation: Installation, postbox: PostboxClient) -> None:
        random.seed(1)
        account = texting_account(SENDER, sms_per_second=PER_SECOND)
        contacts = contacts_with_phones(account, CONTACTS)
        workflow = texting_workflow(account, SENDER, texts=TEXTS)
        installation.start_workers(3)
        enroll_all(installation, workflow, list(contacts.values()))
        crowd, kills, killed_at = Crowd(postbox, seed=1), 0, time.monotonic()
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        at_rest = executions.filter(status="completed") | executions.filter(pause_reason="outcome_unknown")
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            while len(crowd.stopped) < STOPS:
                assert time.monotonic() - began < 240, f"only {len(crowd.stopped)} wrote STOP"
                crowd.live(pool)
                if time.monotonic() - killed_at > KILL_EVERY:
                    installation.kill_a_worker()
                    kills, killed_at = kills + 1, time.monotonic()
                time.sleep(0.02)
        wait_until(lambda: len(answered(postbox)) == STOPS, seconds=60)
        wait_until(lambda: at_rest.count() == CONTACTS, seconds=120)
        time.sleep(GRACE_SECONDS)

        answers = {phone: seconds_of(entry) for phone, entry in answered(postbox).items()}
        arrived = arrivals(postbox)[SENDER]
        late = [
            seconds_of(each) - answers[each["recipients"][0]] for each in arrived if each["recipients"][0] in answers
        ]
        times = [seconds_of(entry) for entry in arrived]
        logs = ActionExecution.objects.filter(workflow_id=workflow.id)
        outcomes = Counter(logs.values_list("status", "error_class"))
        say(
            f"{len(arrived)} SMS to {CONTACTS} contacts of whom {STOPS} wrote STOP, {kills} kills; the last one came "
            f"{max(late):.2f} s after an answer ({sum(each > 0 for each in late)} after theirs); {dict(outcomes)}; "
            f"at most {most_within(times, 1.0)} in any second of {PER_SECOND}"
        )
        assert max(late) <= GRACE_SECONDS
        assert most_within(times, 1.0) <= PER_SECOND
        assert Consent.objects.filter(account=account, channel="sms", state="opt_out").count() == STOPS
        assert outcomes["skipped", ""] > STOPS / 2
        assert {status for status, _ in outcomes} <= {"completed", "skipped", "failed"}
        assert {error for status, error in outcomes if status == "failed"} <= {"outcome_unknown"}
        assert not WorkflowDispatch.objects.filter(workflow_id=workflow.id).exclude(status="unknown").exists()
        keys = Counter((entry["recipients"][0], entry["subject"].partition("\n")[0]) for entry in arrived)
        assert set(keys.values()) == {1}
        reasons = set(logs.filter(status="skipped").values_list("result_data__reason", flat=True))
        assert reasons == {"Contact opted out of SMS"}
        assert Message.objects.filter(account=account, direction="inbound").count() == STOPS
