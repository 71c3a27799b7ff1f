"""A notification's whole way: in the application, by SMS and by mail, and each of them once."""

from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core import mail

from accounts.actors import SYSTEM
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.actions import notifying, sms
from workflows.crm.models import Notification
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.perform.settling import settle_many
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

FROM, BOB, EVE = "+14155550100", "+14155550201", "+14155550202"
CHAIN = [
    (
        "send_notification",
        {
            "recipient_type": "role",
            "recipient_ids": ["editor"],
            "channels": ["in_app", "email", "sms"],
            "title": "A lead",
            "message": "Call today.",
        },
    ),
    ("add_tag", {"tag_name": "Told"}),
]


@pytest.fixture
def workflow(account: Any, settings: Any, postbox: PostboxClient, tmp_path: Any, monkeypatch: Any) -> Workflow:
    settings.DATA_DIR = tmp_path
    postbox.address.write(tmp_path)
    monkeypatch.setattr(sms, "LOOK_AFTER_SECONDS", (0.0,))
    monkeypatch.setattr(notifying, "PAUSE_SECONDS", 0)
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    options = {"account_sid": "AC" + "0a" * 16, "api_host": "postbox.test"}
    options |= {"numbers": [{"number": FROM, "types": ["sms"]}]}
    ConnectionFactory(account=account, kind="twilio", settings=options, secret=secret)
    for name, phone in (("bob", BOB), ("eve", EVE)):
        MembershipFactory(account=account, user=UserFactory(email=f"{name}@example.com"), phone=phone)
    made: Workflow = ActiveWorkflowFactory(account=account, chain=CHAIN)
    return made


def live() -> None:
    advance_all()
    perform_due("sms")
    advance_all()


def texted(postbox: PostboxClient) -> list[str]:
    taken = [entry for entry in postbox.messages(method="POST") if entry["outcome"] == "new"]
    return [parse_qs(entry["body"])["To"][0] for entry in taken]


def told_elsewhere() -> tuple[int, int]:
    """Return how many notifications there are, and how many mails."""
    return sum(row.count for row in Notification.objects.filter(kind="workflow_step")), len(mail.outbox)


def settle(execution: WorkflowExecution, outcome: str, clock: VirtualClock) -> None:
    logs = ActionExecution.objects.filter(workflow_execution=execution, error_class="outcome_unknown")
    settle_many(
        account_id=execution.account_id,
        actor=SYSTEM,
        log_ids=list(logs.values_list("id", flat=True)),
        outcome=outcome,
        now=clock.now(),
    )
    live()


class TestANotification:
    def test_reaches_everybody_once(
        self, workflow: Workflow, postbox: PostboxClient, virtual_clock: VirtualClock
    ) -> None:
        execution = enrolled(workflow, virtual_clock)
        live()
        assert logged(execution) == [("send_notification", "completed"), ("add_tag", "completed")]
        assert (texted(postbox), told_elsewhere()) == ([BOB, EVE], (2, 1))

    def test_goes_on_where_half_of_it_failed(
        self, workflow: Workflow, postbox: PostboxClient, virtual_clock: VirtualClock
    ) -> None:
        postbox.add_rule("status", protocol="sms", method="POST", status=503, times=1, recipient=EVE)
        execution = enrolled(workflow, virtual_clock)
        live()
        assert (logged(execution)[0], told_elsewhere()) == (("send_notification", "scheduled"), (2, 1))
        virtual_clock.advance(hours=1)
        live()
        assert logged(execution) == [("send_notification", "completed"), ("add_tag", "completed")]
        assert (texted(postbox), told_elsewhere()) == ([BOB, EVE], (2, 1))

    @pytest.mark.parametrize(("word", "expected"), [("sent", [EVE]), ("not_sent", [EVE, BOB])])
    def test_in_doubt_waits_for_a_word_about_what_nobody_knows(
        self, workflow: Workflow, postbox: PostboxClient, virtual_clock: VirtualClock, word: str, expected: list[str]
    ) -> None:
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        execution = enrolled(workflow, virtual_clock)
        for _ in range(3):
            live()
            virtual_clock.advance(hours=2)
        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
        assert (texted(postbox), told_elsewhere()) == ([EVE], (2, 1))
        settle(execution, word, virtual_clock)
        assert logged(execution) == [("send_notification", "completed"), ("add_tag", "completed")]
        assert (texted(postbox), told_elsewhere()) == (expected, (2, 1))
