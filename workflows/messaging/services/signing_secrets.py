"""The secret that an account signs its webhooks with."""

from uuid import UUID

from accounts.actors import Actor
from accounts.problems import Conflict
from workflows.messaging.models import Secret
from workflows.messaging.secrets import SIGNING_NAME, create_secret
from workflows.messaging.signing import new_signing_secret


def signing_secret_id(*, account_id: UUID, actor: Actor) -> UUID:
    """Return the account's signing secret; makes one where there is none."""
    named = Secret.objects.for_account(account_id).filter(name=SIGNING_NAME).values_list("id", flat=True)
    while (found := named.first()) is None:
        try:
            return create_secret(account_id=account_id, actor=actor, name=SIGNING_NAME, value=new_signing_secret()).id
        except Conflict:  # made by somebody else since
            continue
    return found
