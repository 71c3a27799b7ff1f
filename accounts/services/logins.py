"""Letting people in again."""

from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.login.lockout import unlock
from accounts.models import Membership, User
from accounts.problems import Missing


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What was removed: failed logins counted, and second factors (recovery codes count as one)."""

    attempts: int
    factors: int


@transaction.atomic
def unlock_user(*, email: str, actor: Actor, forget_second_factor: bool = False) -> Unlocked:
    """Forget the failed logins of a user and, if asked to, the second factors; Missing without such a user.

    Noted in the audit log of every account the user is a member of.
    """
    user = User.objects.select_for_update().filter(email=email.strip().lower()).first()
    if user is None:
        raise Missing
    factors = Authenticator.objects.filter(user=user).delete()[0] if forget_second_factor else 0
    unlocked = Unlocked(attempts=unlock(email=user.email), factors=factors)
    for account_id in Membership.objects.filter(user=user).order_by("id").values_list("account_id", flat=True):
        audit.record(
            account_id=account_id,
            actor=actor,
            verb="user.unlocked",
            object_type="user",
            object_id=user.id,
            after={"failed_logins": unlocked.attempts, "second_factors_removed": unlocked.factors},
        )
    return unlocked
