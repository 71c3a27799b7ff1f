"""Who is in an account and as what."""

from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.models import Account, Membership, Role, User
from accounts.phones import read_phone
from accounts.problems import Conflict, Forbidden, Invalid, Missing, Problem


@transaction.atomic
def add_member(
    *, account_id: UUID, actor: Actor, actor_role: Role, email: str, role: Role, name: str = "", phone: str = ""
) -> Membership:
    """Make the user with this address a member; a user who is not known yet is created without a password."""
    refuse_more_than_own(actor_role, role)
    address = email.strip().lower()
    # one at a time: no address is added twice
    account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
    number = clean_phone(phone, account)
    user, is_new = User.objects.get_or_create(email=address, defaults={"name": name})
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    existing = Membership.objects.for_account(account_id).filter(user=user).first()
    if existing is not None:
        hint = "change the role there" if existing.is_active else "set is_active there to let them in again"
        raise Conflict("already_member", f"{address} is member {existing.id} of this account; {hint}.", "email")
    membership = Membership.objects.create(account_id=account_id, user=user, role=role, phone=number)
    added = {"email": address, "role": role.value} | ({"phone": number} if number else {})
    _record(membership, actor, "member.added", None, added)
    return membership


@transaction.atomic
def change_member(
    *,
    account_id: UUID,
    actor: Actor,
    actor_role: Role,
    membership_id: UUID,
    role: Role | None = None,
    is_active: bool | None = None,
    phone: str | None = None,
) -> Membership:
    """Give a member another role or phone (`""`: none), shut them out or let them in again; the last owner stays."""
    owners = Membership.objects.for_account(account_id).filter(role=Role.OWNER, is_active=True)
    other_owners = [owner.id for owner in owners.select_for_update().order_by("id") if owner.id != membership_id]
    membership = (
        Membership.objects.for_account(account_id)
        .select_for_update(of=("self",))
        .select_related("user")
        .filter(pk=membership_id)
        .first()
    )
    if membership is None:
        raise Missing
    before = {"role": membership.role, "is_active": membership.is_active, "phone": membership.phone}
    wanted = {
        "role": before["role"] if role is None else role.value,
        "is_active": before["is_active"] if is_active is None else is_active,
        "phone": before["phone"] if phone is None else clean_phone(phone, Account.objects.get(pk=account_id)),
    }
    after = {name: value for name, value in wanted.items() if value != before[name]}
    if not after:
        return membership
    refuse_more_than_own(actor_role, Role(membership.role))
    refuse_more_than_own(actor_role, role or Role(membership.role))
    is_owner = membership.role == Role.OWNER and membership.is_active
    stays_owner = wanted["role"] == Role.OWNER and wanted["is_active"]
    if is_owner and not stays_owner and not other_owners:
        raise Conflict("last_owner", "This is the account's last owner; make another member owner first.")
    for name, value in after.items():
        setattr(membership, name, value)
    membership.save(update_fields=[*after, "updated_at"])
    _record(membership, actor, "member.changed", {name: before[name] for name in after}, after)
    return membership


def remove_member(*, account_id: UUID, actor: Actor, actor_role: Role, membership_id: UUID) -> Membership:
    """Shut a member out: their keys stop working, what they made stays."""
    return change_member(
        account_id=account_id, actor=actor, actor_role=actor_role, membership_id=membership_id, is_active=False
    )


def clean_phone(raw: str, account: Account) -> str:
    """Return a member's number in E.164, read as a contact's is; raises Invalid."""
    try:
        return read_phone(raw.strip(), account.default_country)
    except ValueError as error:
        raise Invalid(Problem("invalid", str(error), "phone")) from error


def refuse_more_than_own(own: Role, wanted: Role) -> None:
    """Refuse to give, or to touch, a role above one's own."""
    if not own.includes(wanted):
        raise Forbidden(f"Your role is {own.value}; you cannot give or take the role {wanted.value}.")


def _record(
    membership: Membership, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    audit.record(
        account_id=membership.account_id,
        actor=actor,
        verb=verb,
        object_type="member",
        object_id=membership.id,
        before=before,
        after=after,
    )
