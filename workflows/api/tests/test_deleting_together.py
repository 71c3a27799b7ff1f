"""Many callers delete the same thing at once: one of them did it, for the others it was gone."""

from collections.abc import Callable
from functools import partial

import pytest

from accounts.models import Account, AuditEntry, Role
from accounts.tests.factories import AccountFactory, TeamFactory
from accounts.tests.fixtures import client_for
from workflows.crm.models import Event
from workflows.crm.tests.factories import (
    ContactFactory,
    ContactTagFactory,
    CustomFieldFactory,
    NoteFactory,
    TagFactory,
    TaskFactory,
)
from workflows.crm.tests.together import together
from workflows.tests.factories import ActionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 8


def contact_tag(account: Account) -> str:
    tagged = ContactTagFactory(contact=ContactFactory(account=account))
    return f"contacts/{tagged.contact_id}/tags/{tagged.tag_id}"


def note(account: Account) -> str:
    made = NoteFactory(contact=ContactFactory(account=account))
    return f"contacts/{made.contact_id}/notes/{made.id}"


def action(account: Account) -> str:
    made = ActionFactory(workflow=WorkflowFactory(account=account))
    return f"workflows/{made.workflow_id}/actions/{made.id}"


class TestDelete:
    @pytest.mark.parametrize(
        "make",
        [
            action,
            contact_tag,
            note,
            pytest.param(lambda account: f"contacts/{ContactFactory(account=account).id}", id="contact"),
            pytest.param(lambda account: f"custom-fields/{CustomFieldFactory(account=account).id}", id="custom_field"),
            pytest.param(lambda account: f"tags/{TagFactory(account=account).id}", id="tag"),
            pytest.param(lambda account: f"tasks/{TaskFactory(contact=ContactFactory(account=account)).id}", id="task"),
            pytest.param(lambda account: f"teams/{TeamFactory(account=account).id}", id="team"),
            pytest.param(lambda account: f"workflows/{WorkflowFactory(account=account).id}", id="workflow"),
        ],
    )
    def test_is_done_by_one(self, make: Callable[[Account], str]) -> None:
        account = AccountFactory()
        path = f"/api/v1/{make(account)}"
        clients = [client_for(account, Role.OWNER) for _ in range(CALLERS)]
        AuditEntry.objects.all().delete()

        answers = together([partial(client.delete, path) for client in clients])

        assert sorted(answer.status_code for answer in answers) == [204] + [404] * (CALLERS - 1)
        assert AuditEntry.objects.count() == 1
        assert Event.objects.filter(event_type="tag_removed").count() == (1 if make is contact_tag else 0)
