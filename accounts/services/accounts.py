"""The account itself."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.models import Account, Membership, Role, User
from accounts.models.account import MAXIMUM_PER_SECOND
from accounts.problems import Invalid, Missing, Problem
from accounts.standards import is_country, is_currency, is_time_zone

MAXIMUM_LIMIT = 1_000_000
API_LIMITS = ("request_limit", "workflow_creation_limit")
LIMITS = (*API_LIMITS, "workflow_limit", "frequency_cap")
SENDING_LIMITS = ("emails_per_second", "sms_per_second", "calls_per_second", "messenger_per_second")
CHANGEABLE = ("name", "timezone", "currency", "default_country", *LIMITS, *SENDING_LIMITS, "log_retention_days")
LONGEST_NAME = 120
LONGEST_RETENTION_DAYS = 3650


@transaction.atomic
def create_account(
    *, actor: Actor, name: str, owner_email: str, password: str, rate_limit: int | None = None
) -> tuple[Account, bool]:
    """Create an account and make the user with this address its owner; returns it and whether the user is new.

    An existing user keeps the password. How strong a password must be is for the door to say. `rate_limit` becomes
    every API limit of the account.
    """
    fields = {"name": name.strip()} | dict.fromkeys(API_LIMITS if rate_limit is not None else (), rate_limit)
    email = owner_email.strip().lower()
    owner = User.objects.filter(email=email).first()
    problems = account_problems(fields)
    problems += owner_problems(email, password) if owner is None else []
    if owner is not None and not owner.is_active:
        problems.append(Problem("invalid", f"The user {email} is deactivated.", "owner"))
    if problems:
        raise Invalid(*problems)
    account = Account.objects.create(**fields)
    is_new = owner is None
    owner = owner or User.objects.create_user(email, password)
    if not owner.is_staff:
        owner.is_staff = True
        owner.save(update_fields=["is_staff"])
    Membership.objects.create(account=account, user=owner, role=Role.OWNER)
    audit.record(
        account_id=account.id,
        actor=actor,
        verb="account.created",
        object_type="account",
        object_id=account.id,
        after=fields | {"owner": email},
    )
    return account, is_new


@transaction.atomic
def update_account(*, account_id: UUID, actor: Actor, changes: Mapping[str, Any]) -> Account:
    """Change fields of the account: name, zone, currency, country, limits, days that logs are kept."""
    if problems := account_problems(changes):
        raise Invalid(*problems)
    account = Account.objects.select_for_update(no_key=True).filter(pk=account_id).first()
    if account is None:
        raise Missing
    before = {name: getattr(account, name) for name in changes}
    after = {name: value for name, value in changes.items() if value != before[name]}
    if after:
        for name, value in after.items():
            setattr(account, name, value)
        account.save(update_fields=[*after, "updated_at"])
        audit.record(
            account_id=account_id,
            actor=actor,
            verb="account.changed",
            object_type="account",
            object_id=account_id,
            before={name: before[name] for name in after},
            after=after,
        )
    return account


def account_problems(fields: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with the fields of an account; fields that are not among `CHANGEABLE` are refused."""
    checks = {
        "name": (
            lambda name: 0 < len(name.strip()) <= LONGEST_NAME and "\0" not in name,
            f"must have 1 to {LONGEST_NAME} characters.",
        ),
        "timezone": (is_time_zone, "must be an IANA zone such as Europe/Berlin."),
        "currency": (is_currency, "must be an ISO 4217 code such as EUR."),
        "default_country": (is_country, "must be an ISO 3166 code of two letters such as DE."),
        "log_retention_days": (
            lambda days: 1 <= days <= LONGEST_RETENTION_DAYS,
            f"must lie between 1 and {LONGEST_RETENTION_DAYS}.",
        ),
    }
    for names, highest in ((LIMITS, MAXIMUM_LIMIT), (SENDING_LIMITS, MAXIMUM_PER_SECOND)):
        checks |= dict.fromkeys(names, (partial(is_limit, highest=highest), f"must lie between 1 and {highest}."))
    problems = []
    for name, value in fields.items():
        if name not in checks:
            problems.append(Problem("unknown_field", f"{name} cannot be set on an account.", name))
            continue
        is_fine, rule = checks[name]
        if not is_fine(value):
            problems.append(Problem("invalid", f"{name} {rule}", name))
    return problems


def is_limit(limit: int, *, highest: int) -> bool:
    return 1 <= limit <= highest


def owner_problems(email: str, password: str) -> list[Problem]:
    """Return what is wrong with the address and the password of a user to be made."""
    problems = []
    try:
        validate_email(email)
    except ValidationError:
        problems.append(Problem("invalid", f"{email} is not an e-mail address.", "owner"))
    if not password:
        problems.append(Problem("required", "password must not be empty.", "password"))
    return problems
