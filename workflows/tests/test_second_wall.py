"""With the application's filter taken away, row level security still answers nothing of another account."""

from typing import Any, Self
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.models import Account, Role
from accounts.problems import Missing
from accounts.scoping import AccountQuerySet
from accounts.tenancy import account_scope, system_scope
from workflows.api.tests import test_tenancy
from workflows.authoring import chain, publishing
from workflows.crm.models import Contact
from workflows.crm.services.locking import lock_contacts
from workflows.crm.tests.factories import ContactFactory
from workflows.engine import clock, operations
from workflows.engine.enroll import enroll, enroll_many
from workflows.models import WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory

ACTOR = Actor(label="A test")
rows_of = test_tenancy.rows_of


@pytest.fixture
def unfiltered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `for_account` return everything."""

    def everything(rows: Self, account_id: UUID) -> Self:
        return rows.all()

    monkeypatch.setattr(AccountQuerySet, "for_account", everything)


@pytest.fixture
def owner(account: Account) -> APIClient:
    return test_tenancy.client_for(account, Role.OWNER)


@pytest.mark.usefixtures("unfiltered")
class TestForeignIds(test_tenancy.TestForeignIds):
    """Every route and method, by every id in its path."""


@pytest.mark.usefixtures("unfiltered")
class TestForeignReferences(test_tenancy.TestForeignReferences):
    """Every field of a body that refers to something."""


@pytest.mark.usefixtures("unfiltered")
class TestLists(test_tenancy.TestLists):
    """Every list."""


@pytest.mark.usefixtures("unfiltered")
class TestTheApi:
    def test_reads_and_writes_what_is_its_own(self, account: Account, other_account: Account, api: APIClient) -> None:
        own, foreign = ContactFactory(account=account), ContactFactory(account=other_account)
        answered = api.get("/api/v1/contacts").json()
        assert [item["id"] for item in answered["items"]] == [str(own.id)]
        assert api.patch(f"/api/v1/contacts/{own.id}", {"first_name": "Grace"}).status_code == 200
        assert api.patch(f"/api/v1/contacts/{foreign.id}", {"first_name": "Grace"}).status_code == 404
        assert set(Contact.objects.values_list("id", "first_name")) == {
            (own.id, "Grace"),
            (foreign.id, foreign.first_name),
        }


@pytest.mark.usefixtures("unfiltered")
class TestServices:
    """Called for one account with what is another's."""

    @pytest.fixture
    def foreign(self, other_account: Account) -> WorkflowExecution:
        execution: WorkflowExecution = ExecutionFactory(
            workflow=ActiveWorkflowFactory(account=other_account), failed=True
        )
        return execution

    @pytest.mark.parametrize(
        "call",
        [
            lambda mine, foreign: operations.retry(**mine, execution_id=foreign.id, now=clock.now()),
            lambda mine, foreign: operations.cancel(**mine, execution_id=foreign.id, now=clock.now()),
            lambda mine, foreign: publishing.pause_workflow(**mine, workflow_id=foreign.workflow_id),
            lambda mine, foreign: chain.remove_action(**mine, **action_of(foreign)),
            lambda mine, foreign: enroll(
                account_id=mine["account_id"],
                workflow_id=foreign.workflow_id,
                contact_id=foreign.contact_id,
                source="api",
                now=clock.now(),
            ),
            lambda mine, foreign: enroll_many(
                account_id=mine["account_id"],
                workflow_id=foreign.workflow_id,
                contacts=[foreign.contact_id],
                source="api",
                now=clock.now(),
            ),
        ],
    )
    def test_miss_it_and_change_nothing(
        self, call: Any, account: Account, other_account: Account, foreign: WorkflowExecution
    ) -> None:
        before = rows_of(account), rows_of(other_account)
        with account_scope(account.id), pytest.raises(Missing):
            call({"account_id": account.id, "actor": ACTOR}, foreign)
        assert (rows_of(account), rows_of(other_account)) == before

    def test_hold_no_foreign_contact(self, account: Account, foreign: WorkflowExecution) -> None:
        with account_scope(account.id):
            assert lock_contacts(account_id=foreign.account_id, contact_ids=[foreign.contact_id]) == {}
        with account_scope(foreign.account_id):
            assert lock_contacts(account_id=foreign.account_id, contact_ids=[foreign.contact_id]).keys() == {
                foreign.contact_id
            }


def action_of(execution: WorkflowExecution) -> dict[str, UUID]:
    with system_scope("what a test looks up"):
        return {
            "workflow_id": execution.workflow_id,
            "action_id": execution.workflow.actions.values_list("id").get()[0],
        }
