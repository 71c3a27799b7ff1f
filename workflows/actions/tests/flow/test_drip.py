from collections import Counter
from datetime import timedelta

import pytest

from accounts.actors import SYSTEM
from workflows.actions.outcomes import Done, WaitUntil
from workflows.actions.tests.batches import NOW, refusals, run
from workflows.crm.models import Drip
from workflows.crm.tests.factories import ContactFactory
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll_many
from workflows.engine.operations import cancel
from workflows.models import ActionExecution, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

TWO_AN_HOUR = {"batch_size": 2, "interval": 1, "unit": "hours"}
HOUR = timedelta(hours=1)


@pytest.fixture
def virtual_clock():
    with clock.using(VirtualClock(NOW)) as virtual:
        yield virtual


@pytest.fixture
def workflow(account):
    return ActiveWorkflowFactory(account=account, chain=[("drip", TWO_AN_HOUR), ("add_note", {"content": "Passed"})])


def arrive(workflow, count):
    contacts = ContactFactory.create_batch(count, account=workflow.account)
    enroll_many(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contacts=[contact.id for contact in contacts],
        source="api",
        now=clock.now(),
    )
    advance(seconds=30)
    return contacts


def passed(workflow):
    """Return how many passed at which hour since the start."""
    rows = ActionExecution.objects.filter(workflow_id=workflow.id, action_type="add_note", status="completed")
    return dict(sorted(Counter((row.started_at - NOW) / HOUR for row in rows).items()))


def live_through(virtual_clock, hours):
    """Look every 20 minutes."""
    for _ in range(hours * 3):
        virtual_clock.advance(minutes=20)
        advance(seconds=30)


class TestDrip:
    def test_lets_the_first_pass_and_the_others_wait_for_their_interval(self, account, workflow, virtual_clock):
        contacts = arrive(workflow, 5)
        due = [WorkflowExecution.objects.get(contact=contact).due_at for contact in contacts]
        assert due == [None, None, NOW + HOUR, NOW + HOUR, NOW + 2 * HOUR]
        row = ActionExecution.objects.get(contact_id=contacts[4].id)
        assert (row.status, row.scheduled_at) == ("waiting", NOW + 2 * HOUR)
        assert row.result_data == {"number": 5, "until": (NOW + 2 * HOUR).isoformat()}

        live_through(virtual_clock, 3)

        assert passed(workflow) == {0: 2, 1: 2, 2: 1}
        log = ActionExecution.objects.filter(contact_id=contacts[4].id, action_type="drip")
        assert [(row.status, row.visit) for row in log] == [("completed", 0)]
        assert set(WorkflowExecution.objects.values_list("status", flat=True)) == {"completed"}

    def test_takes_them_in_the_order_in_which_they_come(self, account, workflow, virtual_clock):
        first = arrive(workflow, 3)
        virtual_clock.advance(minutes=5)
        second = arrive(workflow, 3)
        live_through(virtual_clock, 3)
        rows = ActionExecution.objects.filter(action_type="add_note").order_by("started_at", "id")
        assert [row.contact_id for row in rows] == [contact.id for contact in (*first, *second)]
        assert [round((row.started_at - NOW) / HOUR, 1) for row in rows] == [0, 0, 1.1, 1.1, 2.1, 2.1]

    def test_goes_on_in_its_rhythm_after_downtime(self, account, workflow, virtual_clock):
        arrive(workflow, 9)
        virtual_clock.advance(hours=5, minutes=30)
        advance(seconds=30)
        assert passed(workflow) == {0: 2, 5.5: 2}
        live_through(virtual_clock, 4)
        assert [count for _, count in sorted(passed(workflow).items())] == [2, 2, 2, 2, 1]
        hours = list(passed(workflow))
        assert [int(hour) for hour in hours] == [0, 5, 6, 7, 8]

    def test_begins_a_new_rhythm_when_nobody_waited(self, account, workflow, virtual_clock):
        arrive(workflow, 2)
        virtual_clock.advance(hours=1, minutes=40)
        arrive(workflow, 3)
        assert WorkflowExecution.objects.get(status="waiting").due_at == NOW + timedelta(hours=2, minutes=40)

    def test_makes_newcomers_wait_while_others_do(self, account, workflow, virtual_clock):
        arrive(workflow, 3)
        virtual_clock.advance(minutes=30)
        (late,) = arrive(workflow, 1)
        assert WorkflowExecution.objects.get(contact=late).due_at == NOW + HOUR

    def test_keeps_the_queues_of_steps_and_workflows_apart(self, account, other_account, virtual_clock):
        chain = [("drip", TWO_AN_HOUR), ("drip", {**TWO_AN_HOUR, "batch_size": 1})]
        one = ActiveWorkflowFactory(account=account, chain=chain)
        other = ActiveWorkflowFactory(account=other_account, chain=chain)
        arrive(one, 2)
        arrive(other, 2)
        assert Counter(Drip.objects.values_list("account_id", "issued", "granted")) == {
            (account.id, 2, 2): 1,
            (account.id, 2, 1): 1,
            (other_account.id, 2, 2): 1,
            (other_account.id, 2, 1): 1,
        }

    def test_lets_a_place_go_unused_when_its_contact_leaves(self, account, workflow, virtual_clock):
        contacts = arrive(workflow, 4)
        leaving = WorkflowExecution.objects.get(contact=contacts[2])
        cancel(account_id=account.id, actor=SYSTEM, execution_id=leaving.id, now=clock.now())
        live_through(virtual_clock, 2)
        assert passed(workflow) == {0: 2, 1: 1}

    def test_answers_with_a_number_and_a_time(self, account):
        outcomes = run("drip", ContactFactory.create_batch(3, account=account), TWO_AN_HOUR)
        assert [type(outcome) for outcome in outcomes] == [Done, Done, WaitUntil]
        assert outcomes[0].result == {"number": 1, "until": None}
        assert outcomes[2].at == NOW + HOUR


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"batch_size": 0}, ("min_value", "batch_size")),
            ({"batch_size": 10_001}, ("max_value", "batch_size")),
            ({"batch_size": "2"}, ("invalid", "batch_size")),
            ({"interval": 0}, ("min_value", "interval")),
            ({"interval": 85, "unit": "days"}, ("max_value", "interval")),
            ({"interval": 1.5}, ("invalid", "interval")),
            ({"unit": "weeks"}, ("invalid_choice", "unit")),
        ],
        ids=str,
    )
    def test_refuses(self, account, config, expected):
        assert refusals("drip", {**TWO_AN_HOUR, **config}, account.id)[:1] == [expected]

    def test_takes_twelve_weeks(self, account):
        assert refusals("drip", {"batch_size": 10_000, "interval": 84, "unit": "days"}, account.id) == []
