"""What steps want for the contact's other runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from workflows.actions.base import ActionType, Category, Step, StepBatch
from workflows.actions.outcomes import CancelRuns, Done, Enroll, Outcome, Verdict
from workflows.crm.models import Channel, Consent, Contact
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.advance import advance
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll, enroll_many
from workflows.engine.locks import lock_workflow_exclusively
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, step_ids

pytestmark = pytest.mark.django_db

Wisher = Callable[[Step], Outcome]


class Wish(ActionType):
    """A type that wishes for what the test says, and reports what came of it."""

    slug = "wish"
    label = "wish"
    category = Category.FLOW
    icon = "science"
    example: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.wisher: Wisher = lambda step: Done()

    def run(self, step: Step) -> Outcome:
        return self.wisher(step)

    def conclude_many(self, steps: StepBatch, verdicts: Sequence[Verdict]) -> Sequence[Outcome]:
        return [
            Done({"execution_id": each.execution_id, "refusal": each.refusal, "cancelled": len(each.cancelled)})
            for each in verdicts
        ]


@pytest.fixture
def wish() -> Iterator[Wish]:
    kind = Wish()
    with registered_type(kind):
        yield kind


def workflow_of(account: Any = None, *chain: str | tuple[str, Mapping[str, Any]], **fields: Any) -> Workflow:
    links = [link if isinstance(link, tuple) else (link, {}) for link in chain]
    owner = {"account": account} if account else {}
    made: Workflow = ActiveWorkflowFactory(chain=links, **owner, **fields)
    return made


def result_of(execution: WorkflowExecution, key: str = "wish") -> dict[str, Any]:
    row = ActionExecution.objects.get(workflow_execution=execution, action_key=key)
    result: dict[str, Any] = row.result_data
    return result


def enter(workflow: Workflow, contact: Contact, virtual_clock: VirtualClock, **options: Any) -> WorkflowExecution:
    return enroll(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contact_id=contact.id,
        source="api",
        now=virtual_clock.now(),
        **options,
    )


def opt_out(contact: Contact, virtual_clock: VirtualClock) -> None:
    for channel in Channel:
        Consent.objects.create(
            account_id=contact.account_id,
            contact=contact,
            channel=channel,
            state="opt_out",
            recorded_at=virtual_clock.now(),
        )


REST = ("rest", {"minutes": 60})


class TestEnroll:
    def test_lets_the_contact_in_with_data_and_depth(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, REST, "sign")
        wish.wisher = lambda step: Enroll(target.id, "campaign", data={"plan": "gold"})
        execution = enrolled(starter, virtual_clock)

        advance_all()

        entered = WorkflowExecution.objects.get(workflow=target)
        assert (entered.contact_id, entered.enrollment_source, entered.depth) == (execution.contact_id, "campaign", 1)
        assert (entered.trigger_data, entered.status) == ({"plan": "gold"}, "waiting")
        assert entered.account_id == starter.account_id
        assert result_of(execution) == {"execution_id": str(entered.id), "refusal": "", "cancelled": 0}
        execution.refresh_from_db()
        assert execution.status == "completed"

    def test_starts_at_the_step_that_is_named(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, "sign", REST, "sign")
        wish.wisher = lambda step: Enroll(target.id, "campaign", action_id=step_ids(target)[2])
        enrolled(starter, virtual_clock, source="")

        advance_all()

        entered = WorkflowExecution.objects.get(workflow=target)
        assert logged(entered) == [("sign_2", "completed")]

    @pytest.mark.parametrize("status", ["draft", "paused", "archived"])
    def test_refuses_a_workflow_that_is_not_active(self, virtual_clock: VirtualClock, wish: Wish, status: str) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, "sign")
        Workflow.objects.filter(id=target.id).update(status=status)
        wish.wisher = lambda step: Enroll(target.id, "campaign")
        execution = enrolled(starter, virtual_clock)

        advance_all()

        assert result_of(execution)["refusal"] == "workflow_not_active"
        assert not WorkflowExecution.objects.filter(workflow=target).exists()

    def test_refuses_what_is_not_there(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish", "wish", "wish")
        own, foreign = workflow_of(starter.account, "sign"), workflow_of(None, "sign")
        wishes = {
            "wish": Enroll(foreign.id, "campaign"),
            "wish_2": Enroll(uuid7(), "campaign"),
            "wish_3": Enroll(own.id, "campaign", action_id=uuid7()),
        }
        wish.wisher = lambda step: wishes[step.batch.action_key]  # type: ignore[union-attr]  # it has one here
        execution = enrolled(starter, virtual_clock)

        advance_all()

        refusals = [result_of(execution, key)["refusal"] for key in wishes]
        assert refusals == ["workflow_not_found", "workflow_not_found", "action_not_found"]
        assert WorkflowExecution.objects.count() == 1

    def test_refuses_who_is_inside_or_opted_out_and_admits_the_others(
        self, virtual_clock: VirtualClock, wish: Wish
    ) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, REST)
        wish.wisher = lambda step: Enroll(target.id, "campaign")
        inside, out, free = ContactFactory.create_batch(3, account=starter.account)
        enter(target, inside, virtual_clock)
        runs = [enter(starter, contact, virtual_clock) for contact in (inside, out, free)]
        opt_out(out, virtual_clock)

        advance_all()

        assert [result_of(run)["refusal"] for run in runs] == ["already_enrolled", "contact_opted_out", ""]
        assert WorkflowExecution.objects.filter(workflow=target).count() == 2

    def test_admits_once_only_where_that_is_the_rule(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, "sign", reentry="single")
        wish.wisher = lambda step: Enroll(target.id, "campaign", data={"round": 1})
        contact = ContactFactory(account=starter.account)
        refusals = []
        for _ in range(2):
            run = enter(starter, contact, virtual_clock)
            advance_all()
            refusals.append(result_of(run)["refusal"])

        assert refusals == ["", "already_enrolled"]
        entered = WorkflowExecution.objects.get(workflow=target)
        assert (entered.trigger_data, entered.depth) == ({"round": 1}, 1)

    @pytest.mark.parametrize(("unless_inside", "count"), [(True, 1), (False, 2)])
    def test_leaves_who_is_inside_alone_where_the_step_says_so(
        self, virtual_clock: VirtualClock, wish: Wish, unless_inside: bool, count: int
    ) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, REST, reentry="multiple")
        wish.wisher = lambda step: Enroll(target.id, "workflow", unless_inside=unless_inside)
        contact = ContactFactory(account=starter.account)
        enter(target, contact, virtual_clock)
        enter(starter, contact, virtual_clock)

        advance_all()

        assert WorkflowExecution.objects.filter(workflow=target).count() == count

    def test_ends_a_chain_of_starters_at_depth_25(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        workflow = workflow_of(None, "wish", reentry="multiple")
        wish.wisher = lambda step: Enroll(workflow.id, "workflow")
        enrolled(workflow, virtual_clock)

        advance_all()

        runs = WorkflowExecution.objects.order_by("depth")
        assert [run.depth for run in runs] == list(range(26))
        assert result_of(runs[25])["refusal"] == "loop_guard"
        assert set(runs.values_list("status", flat=True)) == {"completed"}

    def test_replaces_an_execution_of_the_contact(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, REST)
        contact = ContactFactory(account=starter.account)
        old = enter(target, contact, virtual_clock)
        advance_all()
        wish.wisher = lambda step: Enroll(
            target.id, "campaign", replaces=(old.id,), replaced_reason="removed_from_campaign"
        )
        run = enter(starter, contact, virtual_clock)

        advance_all()

        old.refresh_from_db()
        assert (old.status, old.completion_reason) == ("cancelled", "removed_from_campaign")
        assert logged(old) == [("rest", "skipped")]
        assert result_of(run)["cancelled"] == 1
        assert WorkflowExecution.objects.get(id=result_of(run)["execution_id"]).status == "waiting"

    def test_restarts_its_own_workflow(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        workflow = workflow_of(None, REST, "wish", "sign")
        wish.wisher = lambda step: Enroll(
            workflow.id, "campaign", replaces=(step.execution_id,), replaced_reason="removed_from_campaign"
        )
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        virtual_clock.advance(hours=1)
        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("cancelled", "removed_from_campaign")
        assert logged(execution) == [("rest", "completed"), ("wish", "completed")]
        assert WorkflowExecution.objects.get(depth=1).status == "waiting"

    def test_uses_as_many_queries_for_fifty_contacts_as_for_two(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        counts = []
        for size in (2, 50):
            starter = workflow_of(None, "wish")
            target = workflow_of(starter.account, "sign")
            old = workflow_of(starter.account, REST)
            contacts = ContactFactory.create_batch(size, account=starter.account)
            inside = {contact.id: enter(old, contact, virtual_clock).id for contact in contacts}
            advance_all()
            wish.wisher = lambda step, target=target, inside=inside: Enroll(  # type: ignore[misc]  # a lambda
                target.id,
                "campaign",
                data={"name": step.contact.first_name},
                replaces=(inside[step.contact.id],),
                replaced_reason="removed_from_campaign",
            )
            enroll_many(
                account_id=starter.account_id,
                workflow_id=starter.id,
                contacts=list(inside),
                source="api",
                now=virtual_clock.now(),
            )
            with CaptureQueriesContext(connection) as queries:
                advance()
            counts.append(len(queries))
            assert WorkflowExecution.objects.filter(workflow=target).count() == size
        assert counts[0] == counts[1]

    @pytest.mark.django_db(transaction=True)
    def test_does_not_wait_for_a_workflow_that_is_being_changed(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, REST)
        wish.wisher = lambda step: Enroll(target.id, "campaign")
        execution = enrolled(starter, virtual_clock)
        is_held, may_end = Event(), Event()

        def change() -> None:
            try:
                with transaction.atomic():
                    lock_workflow_exclusively(target.id)
                    Workflow.objects.filter(id=target.id).update(status="paused")
                    is_held.set()
                    may_end.wait(timeout=30)
            finally:
                connection.close()

        thread = Thread(target=change)
        thread.start()
        is_held.wait(timeout=30)
        advance()
        execution.refresh_from_db()
        assert (execution.status, logged(execution)) == ("active", [])
        may_end.set()
        thread.join()
        virtual_clock.advance(seconds=5)
        advance()

        assert result_of(execution)["refusal"] == "workflow_not_active"


class TestCancelRuns:
    def test_cancels_what_the_contact_waits_for_elsewhere(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish", "sign")
        first, second = workflow_of(starter.account, REST), workflow_of(starter.account, REST)
        contact, neighbour = ContactFactory.create_batch(2, account=starter.account)
        cancelled, spared, untouched = (
            enter(workflow, who, virtual_clock)
            for workflow, who in ((first, contact), (second, contact), (first, neighbour))
        )
        advance_all()
        wish.wisher = lambda step: CancelRuns("stopped_by_workflow", workflow_ids=(first.id,))
        run = enter(starter, contact, virtual_clock)

        advance_all()

        for execution in (cancelled, spared, untouched, run):
            execution.refresh_from_db()
        assert (cancelled.status, cancelled.completion_reason) == ("cancelled", "stopped_by_workflow")
        assert (cancelled.due_at, cancelled.reentry_key, cancelled.completed_at) == (None, None, virtual_clock.now())
        assert logged(cancelled) == [("rest", "skipped")]
        assert (spared.status, untouched.status) == ("waiting", "waiting")
        assert (run.status, result_of(run)["cancelled"]) == ("completed", 1)

    def test_cancels_everything_else(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish", "sign")
        contact = ContactFactory(account=starter.account)
        others = [enter(workflow_of(starter.account, REST), contact, virtual_clock) for _ in range(2)]
        advance_all()
        wish.wisher = lambda step: CancelRuns("stopped_by_workflow", spares_own=True)
        run = enter(starter, contact, virtual_clock)

        advance_all()

        run.refresh_from_db()
        assert [WorkflowExecution.objects.get(id=each.id).status for each in others] == ["cancelled", "cancelled"]
        assert (run.status, result_of(run)["cancelled"]) == ("completed", 2)
        assert logged(run) == [("wish", "completed"), ("sign", "completed")]

    def test_ends_its_own_run_behind_the_step(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        workflow = workflow_of(None, REST, "wish", "sign")
        wish.wisher = lambda step: CancelRuns("removed_from_campaign", execution_ids=(step.execution_id,))
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        virtual_clock.advance(hours=1)
        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("cancelled", "removed_from_campaign")
        assert (execution.due_at, execution.reentry_key, execution.lease_id) == (None, None, None)
        assert logged(execution) == [("rest", "completed"), ("wish", "completed")]

    @pytest.mark.parametrize("link", [REST, ("call_out", {}), ("sign", {})], ids=["waits", "is in a lane", "is due"])
    def test_cancels_a_run_of_the_same_batch(
        self, virtual_clock: VirtualClock, wish: Wish, link: tuple[str, Mapping[str, Any]]
    ) -> None:
        with registered_type(Outside()):
            starter = workflow_of(None, "pass_by", "wish")
            target = workflow_of(starter.account, link, "sign", "sign", "sign")
            contact = ContactFactory(account=starter.account)
            wish.wisher = lambda step: CancelRuns("stopped_by_workflow", workflow_ids=(target.id,))
            other = enter(target, contact, virtual_clock)
            run = enter(starter, contact, virtual_clock)
            advance_all()

        other.refresh_from_db()
        assert (other.status, other.completion_reason) == ("cancelled", "stopped_by_workflow")
        assert (other.due_at, other.reentry_key, other.waiting_log_id) == (None, None, None)
        assert "waiting" not in dict(logged(other)).values()
        assert "pending" not in dict(logged(other)).values()
        assert "sign_3" not in dict(logged(other))
        assert not WorkflowDispatch.objects.exists()
        assert result_of(run)["cancelled"] == 1

    @pytest.mark.django_db(transaction=True)
    def test_repeats_the_batch_while_another_worker_holds_the_execution(
        self, virtual_clock: VirtualClock, wish: Wish
    ) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, REST)
        contact = ContactFactory(account=starter.account)
        other = enter(target, contact, virtual_clock)
        advance_all()
        wish.wisher = lambda step: CancelRuns("stopped_by_workflow", workflow_ids=(target.id,))
        run = enter(starter, contact, virtual_clock)
        is_held, may_end = Event(), Event()

        def hold() -> None:
            try:
                with transaction.atomic():
                    WorkflowExecution.objects.select_for_update().get(id=other.id)
                    is_held.set()
                    may_end.wait(timeout=30)
            finally:
                connection.close()

        thread = Thread(target=hold)
        thread.start()
        is_held.wait(timeout=30)
        advance()
        assert logged(run) == []
        may_end.set()
        thread.join()
        virtual_clock.advance(seconds=5)
        advance()

        other.refresh_from_db()
        assert (other.status, result_of(run)["cancelled"]) == ("cancelled", 1)

    def test_is_undone_with_the_step_that_cannot_be_stored(self, virtual_clock: VirtualClock, wish: Wish) -> None:
        starter = workflow_of(None, "wish")
        target = workflow_of(starter.account, REST)
        contact = ContactFactory(account=starter.account)
        other = enter(target, contact, virtual_clock)
        advance_all()
        wish.wisher = lambda step: CancelRuns("stopped_by_workflow", workflow_ids=(target.id,))
        wish.conclude_many = lambda steps, verdicts: [None]  # type: ignore[assignment, list-item]  # what no type may
        run = enter(starter, contact, virtual_clock)

        advance_all()

        other.refresh_from_db()
        run.refresh_from_db()
        assert (other.status, logged(other)) == ("waiting", [("rest", "waiting")])
        assert (run.status, logged(run)) == ("failed", [("wish", "failed")])
