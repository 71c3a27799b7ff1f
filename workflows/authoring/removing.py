"""Deleting what actions may refer to: refused while a workflow still uses it."""

from uuid import UUID

from django.db import transaction
from django.db.models import F, TextField
from django.db.models.functions import Cast

from accounts.actors import Actor
from accounts.problems import Conflict
from workflows.messaging import secrets
from workflows.messaging.services import connections, media, templates
from workflows.models import Action, WorkflowVersion

NAMES_SHOWN = 5


@transaction.atomic
def delete_secret(*, account_id: UUID, actor: Actor, secret_id: UUID) -> None:
    """Forget a secret; Conflict (`in_use`) while a workflow or a connection uses it."""
    require_unused(account_id=account_id, object_id=secret_id, thing="secret")
    secrets.delete_secret(account_id=account_id, actor=actor, secret_id=secret_id)


@transaction.atomic
def delete_connection(*, account_id: UUID, actor: Actor, connection_id: UUID) -> None:
    """Forget a connection; Conflict (`in_use`) while a workflow names it."""
    require_unused(account_id=account_id, object_id=connection_id, thing="connection")
    connections.delete_connection(account_id=account_id, actor=actor, connection_id=connection_id)


@transaction.atomic
def delete_template(*, account_id: UUID, actor: Actor, template_id: UUID) -> None:
    """Forget an e-mail template; Conflict (`in_use`) while a workflow names it."""
    require_unused(account_id=account_id, object_id=template_id, thing="e-mail template")
    templates.delete_template(account_id=account_id, actor=actor, template_id=template_id)


@transaction.atomic
def delete_media(*, account_id: UUID, actor: Actor, media_id: UUID) -> None:
    """Forget a file; Conflict (`in_use`) while a workflow names it."""
    require_unused(account_id=account_id, object_id=media_id, thing="file")
    media.delete_media(account_id=account_id, actor=actor, media_id=media_id)


def require_unused(*, account_id: UUID, object_id: UUID, thing: str) -> None:
    """Refuse when an action of the account, or the current version of a workflow, names the object by its id."""
    actions = (
        Action.objects.for_account(account_id)
        .filter(workflow__deleted_at__isnull=True)
        .annotate(text=Cast("action_config", TextField()))
    )
    versions = (
        WorkflowVersion.objects.for_account(account_id)
        .filter(workflow__deleted_at__isnull=True, number=F("workflow__version"))
        .annotate(text=Cast("definition", TextField()))
    )
    names: set[str] = set()
    for rows in (actions, versions):
        names.update(rows.filter(text__contains=str(object_id)).values_list("workflow__name", flat=True))
    if names:
        listed = ", ".join(f"“{name}”" for name in sorted(names)[:NAMES_SHOWN])
        raise Conflict("in_use", f"The {thing} is used by {listed}; change the workflow first.")
