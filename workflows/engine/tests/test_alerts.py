"""Owners are told what failed or paused: in the application at once, by mail once an hour, never in a flood."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.tests.factories import MembershipFactory
from workflows.actions.outcomes import Done
from workflows.actions.outside import ErrorClass, OutcomeUnknown, Permanent
from workflows.crm.models import Notification
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.alerts import tell_owners
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll_many
from workflows.engine.perform.lanes import perform_due
from workflows.engine.pulse import due_ticks
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.engine.tests.leading import advance_all, enrolled
from workflows.engine.wake import Tick
from workflows.models import FailureMail, Trouble, Workflow
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

FAILING = [("break_down", {})]


def owned(account: Account, **fields: Any) -> Workflow:
    fields = {"chain": FAILING, "owner": MembershipFactory(account=account).user, **fields}
    workflow: Workflow = ActiveWorkflowFactory(account=account, **fields)
    return workflow


def fail(workflow: Workflow, count: int, virtual_clock: VirtualClock) -> None:
    contacts = [ContactFactory(account=workflow.account).id for _ in range(count)]
    enroll_many(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contacts=contacts,
        source="api",
        now=virtual_clock.now(),
    )
    advance_all()


def lose_the_reply(payload: Mapping[str, Any], key: UUID) -> Done:
    raise OutcomeUnknown("The connection broke.")


def refuse_access(payload: Mapping[str, Any], key: UUID) -> Done:
    raise Permanent(ErrorClass.AUTHENTICATION, "Wrong password.")


class TestInTheApplication:
    def test_many_failures_are_one_notification(self, account: Account, virtual_clock: VirtualClock) -> None:
        workflow = owned(account, name="Welcome")
        fail(workflow, 7, virtual_clock)
        assert Trouble.objects.count() == 1
        assert Tick.TELL_OWNERS in due_ticks()

        tell_owners()
        fail(workflow, 2, virtual_clock)
        tell_owners()

        told = Notification.objects.get()
        assert (told.account_id, told.recipient_id, told.workflow_id) == (account.id, workflow.owner_id, workflow.id)
        assert (told.kind, told.title, told.count) == ("execution_failed", "Welcome: executions failed", 9)
        assert told.message == "It was not to be."
        assert not Trouble.objects.exists()
        assert Tick.TELL_OWNERS not in due_ticks()

    def test_one_that_was_read_is_followed_by_another(self, account: Account, virtual_clock: VirtualClock) -> None:
        workflow = owned(account)
        fail(workflow, 1, virtual_clock)
        tell_owners()
        Notification.objects.update(read_at=virtual_clock.now())

        fail(workflow, 1, virtual_clock)
        tell_owners()

        assert list(Notification.objects.order_by("id").values_list("count", flat=True)) == [1, 1]

    @pytest.mark.parametrize(
        ("call", "kind", "message"),
        [
            (lose_the_reply, "outcome_unknown", "The connection broke."),
            (refuse_access, "authentication", "Wrong password."),
        ],
    )
    def test_pauses_that_wait_for_somebody_are_told(
        self, account: Account, virtual_clock: VirtualClock, call: Any, kind: str, message: str
    ) -> None:
        with registered_type(Outside(call)):
            execution = enrolled(owned(account, chain=[("call_out", {})]), virtual_clock)
            advance_all()
            perform_due("http")

        tell_owners()

        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason, execution.error_message) == ("paused", kind, message)
        told = Notification.objects.get()
        assert (told.kind, told.message, told.execution_id) == (kind, message, execution.id)

    def test_nobody_is_told_who_does_not_want_to_know(self, account: Account, virtual_clock: VirtualClock) -> None:
        fail(owned(account, notify_on_failure=False), 1, virtual_clock)
        fail(owned(account, owner=None), 1, virtual_clock)
        former = owned(account)
        former.owner.memberships.update(is_active=False)  # type: ignore[union-attr]
        fail(former, 1, virtual_clock)

        tell_owners()

        assert not Notification.objects.exists()
        assert mail.outbox == []
        assert not Trouble.objects.exists()

    def test_a_deleted_contact_is_no_failure(self, account: Account, virtual_clock: VirtualClock) -> None:
        execution = enrolled(owned(account), virtual_clock)

        delete_contacts(
            account_id=account.id, actor=SYSTEM, contact_ids=[execution.contact_id], now=virtual_clock.now()
        )
        advance_all()

        assert not Trouble.objects.exists()


class TestByMail:
    def test_is_sent_at_most_once_an_hour_with_counts(self, account: Account, virtual_clock: VirtualClock) -> None:
        workflow = owned(account, name="Welcome")
        fail(workflow, 3, virtual_clock)
        tell_owners()
        fail(workflow, 2, virtual_clock)
        tell_owners()
        (first,) = mail.outbox
        assert first.subject == "Welcome: 3 executions need you"
        assert first.recipients() == [f"{workflow.owner.name} <{workflow.owner.email}>"]  # type: ignore[union-attr]
        assert "- 3 failed" in first.body
        assert "It was not to be." in first.body

        virtual_clock.advance(minutes=59)
        tell_owners()
        assert len(mail.outbox) == 1

        virtual_clock.advance(minutes=1)
        assert Tick.TELL_OWNERS in due_ticks()
        tell_owners()
        assert [letter.subject for letter in mail.outbox[1:]] == ["Welcome: 2 executions need you"]

        virtual_clock.advance(hours=5)
        tell_owners()
        assert len(mail.outbox) == 2

    def test_is_sent_for_each_workflow(
        self, account: Account, other_account: Account, virtual_clock: VirtualClock
    ) -> None:
        for of in (account, account, other_account):
            fail(owned(of), 1, virtual_clock)

        tell_owners()

        assert len(mail.outbox) == 3
        assert {tuple(letter.to) for letter in mail.outbox} == {
            (f"{workflow.owner.name} <{workflow.owner.email}>",)  # type: ignore[union-attr]
            for workflow in Workflow.objects.select_related("owner")
        }

    def test_waits_while_the_mail_server_cannot_be_reached(
        self, account: Account, virtual_clock: VirtualClock, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
        fail(owned(account), 4, virtual_clock)
        tell_owners()
        pending = FailureMail.objects.get()
        assert (pending.counts, pending.sent_at) == ({"execution_failed": 4}, None)
        assert pending.due_at == virtual_clock.now() + timedelta(minutes=5)

        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        virtual_clock.advance(minutes=5)
        tell_owners()

        assert len(mail.outbox) == 1
        assert "- 4 failed" in mail.outbox[0].body
