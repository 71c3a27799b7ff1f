"""What a run is about: account, workflow and contacts, from what was typed."""

from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import QuerySet

from accounts.models import Account
from accounts.tenancy import system_scope
from workflows.crm.folding import fold
from workflows.crm.models import Contact, Tag
from workflows.models import Workflow, WorkflowStatus

USAGE_ERROR = 2


def wrong(message: str) -> CommandError:
    """Return the error for a call that cannot be carried out."""
    return CommandError(message, returncode=USAGE_ERROR)


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@system_scope("the account is known once it is found")
def find_account(typed: str) -> Account:
    account_id = as_uuid(typed)
    account = Account.objects.filter(id=account_id).first() if account_id else None
    if account is None:
        raise wrong(f"There is no account {typed}; --account takes its id.")
    return account


def find_workflow(account: Account, typed: str) -> Workflow:
    """Return the account's active workflow of this id or name, whatever the name's case."""
    workflows = Workflow.objects.for_account(account.id).present()
    workflow_id = as_uuid(typed)
    by_id = workflows.filter(id=workflow_id).first() if workflow_id else None
    workflow = by_id or workflows.filter(name__iexact=typed).first()
    if workflow is None:
        raise wrong(f"The account {account.name} has no workflow {typed}.")
    if workflow.status != WorkflowStatus.ACTIVE:
        raise wrong(f"The workflow {workflow.name} is {workflow.status}; activate it first.")
    return workflow


def tagged(account: Account, name: str) -> QuerySet[Contact]:
    """Return the account's contacts with this tag."""
    tag = Tag.objects.for_account(account.id).filter(folded_name=fold(name)).first()
    if tag is None:
        raise wrong(f"The account {account.name} has no tag {name}.")
    return Contact.objects.for_account(account.id).present().filter(contact_tags__tag=tag)
