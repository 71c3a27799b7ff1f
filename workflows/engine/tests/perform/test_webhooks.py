"""Webhooks through the engine to a receiver that has its troubles."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Account
from workflows.crm.models import Contact
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.messaging.postbox.testing import PostboxClient
from workflows.models import ActionExecution, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db


class Webhook:
    """One contact at a webhook, before a tag."""

    def __init__(self, account: Account, virtual_clock: VirtualClock, config: dict[str, Any]) -> None:
        chain = [("webhook_call", {"method": "POST", **config}), ("add_tag", {"tag_name": "Told"})]
        self.clock = virtual_clock
        self.execution: WorkflowExecution = enrolled(ActiveWorkflowFactory(account=account, chain=chain), virtual_clock)
        self.go_on()

    def go_on(self, after: timedelta = timedelta()) -> None:
        self.clock.advance(seconds=after.total_seconds())
        advance_all()
        perform_due("http")
        advance_all()
        self.execution.refresh_from_db()

    @property
    def wait(self) -> timedelta:
        assert self.execution.due_at is not None
        return self.execution.due_at - self.clock.now()

    @property
    def log(self) -> ActionExecution:
        row: ActionExecution = ActionExecution.objects.get(action_key="webhook_call")
        return row


@pytest.fixture
def webhook(account: Account, virtual_clock: VirtualClock, postbox: PostboxClient) -> Any:
    return lambda **config: Webhook(account, virtual_clock, {"url": postbox.url(), **config})


class TestWebhook:
    def test_completes_its_step_and_the_next(self, webhook: Any, postbox: PostboxClient) -> None:
        postbox.add_rule("accept", body='{"name": "Ada", "id": 7}')
        told = webhook(response_mapping=[{"path": "name", "to": "contact.first_name"}, {"path": "id", "to": "lead_id"}])
        assert logged(told.execution) == [("webhook_call", "completed"), ("add_tag", "completed")]
        assert told.execution.steps["webhook_call"]["lead_id"] == 7
        assert Contact.objects.get(id=told.execution.contact_id).first_name == "Ada"

    def test_is_repeated_after_one_two_and_four_seconds(self, webhook: Any, postbox: PostboxClient) -> None:
        postbox.add_rule("status", status=500)
        told = webhook()
        for seconds in (1, 2, 4):
            assert timedelta(seconds=seconds * 0.9) <= told.wait <= timedelta(seconds=seconds * 1.1)
            told.go_on(told.wait)
        assert (told.execution.status, told.log.error_class, told.log.retry_count) == ("failed", "unavailable", 3)
        assert [attempt["error_class"] for attempt in told.log.attempts] == ["unavailable"] * 4
        assert len({entry["key"] for entry in postbox.requests()}) == 1
        assert len(postbox.requests()) == 4

    @pytest.mark.parametrize("status", [429, 503])
    def test_comes_again_when_it_was_asked_to(self, webhook: Any, postbox: PostboxClient, status: int) -> None:
        postbox.add_rule("status", status=status, retry_after="3600", times=1)
        told = webhook()
        assert (told.execution.status, told.log.status) == ("waiting", "scheduled")
        assert told.wait == timedelta(hours=1)
        told.go_on(told.wait)
        assert told.execution.status == "completed"
        assert [entry["status"] for entry in postbox.requests()] == [status, 200]

    @pytest.mark.parametrize("status", [429, 500])
    def test_is_not_repeated_where_that_is_unwanted(self, webhook: Any, postbox: PostboxClient, status: int) -> None:
        postbox.add_rule("status", status=status)
        told = webhook(retry_on_failure=False)
        assert (told.execution.status, len(postbox.requests())) == ("failed", 1)

    def test_is_acted_on_once_when_the_reply_is_lost(self, webhook: Any, postbox: PostboxClient) -> None:
        postbox.add_rule("drop_reply", times=1)
        told = webhook()
        told.go_on(told.wait)
        assert told.execution.status == "completed"
        assert [entry["outcome"] for entry in postbox.requests()] == ["new", "repeated"]
        assert postbox.counts()["keys_twice_as_new"] == 0

    def test_pauses_when_access_is_refused(self, webhook: Any, postbox: PostboxClient) -> None:
        postbox.add_rule("status", status=401)
        told = webhook()
        assert (told.execution.status, told.execution.pause_reason) == ("paused", "authentication")
        assert len(postbox.requests()) == 1

    def test_leaves_no_body_behind(self, webhook: Any) -> None:
        told = webhook(payload={"e-mail": "{{ contact.email }}"})
        assert not WorkflowDispatch.objects.exists()
        assert told.log.execution_data.keys() == {"method", "url", "headers", "payload_bytes"}
