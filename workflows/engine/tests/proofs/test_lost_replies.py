"""A thousand SMS of which a tenth are taken while the answer is lost: found, or listed for a person to settle."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Account
from accounts.tests.fixtures import client_for
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.engine.tests.proofs.texting import (
    arrivals,
    contacts_with_phones,
    enroll_all,
    postbox_of,
    texting_account,
    texting_workflow,
)
from workflows.messaging.models import Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution

pytestmark = pytest.mark.proof

SMS = 1000
LOST = 0.1
SENDER = "+14155550100"


@pytest.fixture
def postbox(installation: Installation) -> Iterator[PostboxClient]:
    with postbox_of(installation) as client:
        yield client


@pytest.fixture
def account(installation: Installation, postbox: PostboxClient) -> Account:
    return texting_account(SENDER, sms_per_second=1000)


@pytest.fixture
def api(account: Account) -> APIClient:
    return client_for(account)


def send_all(installation: Installation, account: Account) -> Workflow:
    """Text everybody, and wait until every execution has ended or waits for a person."""
    workflow = texting_workflow(account, SENDER)
    contacts = contacts_with_phones(account, SMS)
    installation.start_workers(2)
    enroll_all(installation, workflow, list(contacts.values()))
    executions = WorkflowExecution.objects.filter(workflow=workflow)
    at_rest = executions.filter(status="completed") | executions.filter(pause_reason="outcome_unknown")
    wait_until(lambda: at_rest.count() == SMS, seconds=180)
    return workflow


def listed(api: APIClient) -> dict[str, str]:
    """Return what the API lists as unknown: log rows by the phones that the messages were for."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"status": "failed", "limit": 200} | ({"cursor": cursor} if cursor else {})
        page = api.get("/api/v1/action-executions", query).json()
        rows += [row for row in page["items"] if row["error_class"] == "outcome_unknown"]
        cursor = page["next"]
    return {row["execution_data"]["to"]: row["id"] for row in rows}


def settle(api: APIClient, ids: list[str], outcome: str) -> None:
    response = api.post("/api/v1/action-executions/settle", {"ids": ids, "outcome": outcome})
    assert (response.status_code, response.json()["settled"]) == (200, len(ids))


def times_sent(postbox: PostboxClient) -> Counter[str]:
    """Return how often each phone got the message."""
    return Counter(entry["recipients"][0] for entry in arrivals(postbox, outcome="new")[SENDER])


def assert_all_ended(workflow: Workflow, postbox: PostboxClient) -> None:
    sent = times_sent(postbox)
    assert (len(sent), set(sent.values())) == (SMS, {1})
    executions = WorkflowExecution.objects.filter(workflow=workflow)
    assert Counter(executions.values_list("status", "completion_reason")) == {("completed", "finished"): SMS}
    assert Counter(Message.objects.filter(account=workflow.account).values_list("status", flat=True)) == {"sent": SMS}
    assert Counter(ActionExecution.objects.filter(workflow_id=workflow.id).values_list("status", flat=True)) == {
        "completed": SMS
    }
    assert not WorkflowDispatch.objects.filter(workflow_id=workflow.id).exists()


class TestLostReplies:
    def test_are_found_in_the_providers_list(
        self, installation: Installation, postbox: PostboxClient, account: Account, api: APIClient
    ) -> None:
        postbox.add_rule("drop_reply", protocol="sms", method="POST", fraction=LOST, seed=1)

        workflow = send_all(installation, account)

        lost = postbox.counts(protocol="sms", method="POST", behaviour="drop_reply")["total"]
        unknown = listed(api)
        say(f"{lost} of {SMS} answers were lost: {lost - len(unknown)} found by asking, {len(unknown)} listed")
        assert abs(lost - SMS * LOST) < SMS * LOST / 2
        assert postbox.counts(protocol="sms", method="POST")["total"] == SMS
        if unknown:
            settle(api, list(unknown.values()), "sent")
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        wait_until(lambda: executions.filter(status="completed").count() == SMS, seconds=60)
        assert_all_ended(workflow, postbox)

    def test_are_all_listed_where_the_provider_cannot_be_asked(
        self, installation: Installation, postbox: PostboxClient, account: Account, api: APIClient
    ) -> None:
        """Half of the lost were taken, half were not: a person says which."""
        postbox.add_rule("status", protocol="sms", method="GET", status=503)
        postbox.add_rule("drop_reply", protocol="sms", method="POST", fraction=LOST / 2, seed=2)
        postbox.add_rule("reset", protocol="sms", method="POST", fraction=LOST / 2, seed=3)

        workflow = send_all(installation, account)

        counts = {
            behaviour: postbox.counts(protocol="sms", method="POST", behaviour=behaviour)["total"]
            for behaviour in ("drop_reply", "reset")
        }
        unknown, taken = listed(api), times_sent(postbox)
        say(f"of {SMS} answers {counts} were lost; {len(unknown)} listed as unknown")
        assert len(unknown) == sum(counts.values())
        assert abs(len(unknown) - SMS * LOST) < SMS * LOST / 2
        assert postbox.counts(protocol="sms", method="POST")["total"] == SMS
        assert Counter(taken.values()) == {1: SMS - counts["reset"]}

        postbox.clear_rules()
        settle(api, [log_id for phone, log_id in unknown.items() if phone in taken], "sent")
        settle(api, [log_id for phone, log_id in unknown.items() if phone not in taken], "not_sent")
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        wait_until(lambda: executions.filter(status="completed").count() == SMS, seconds=60)
        assert_all_ended(workflow, postbox)
        again: Any = api.post(
            "/api/v1/action-executions/settle", {"ids": list(unknown.values()), "outcome": "not_sent"}
        ).json()
        assert again["settled"] == 0
        assert times_sent(postbox).total() == SMS
