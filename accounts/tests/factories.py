"""Builds accounts, people and credentials from few words; the accounts are not slowed down by rate limits."""

import hashlib
import secrets
from typing import Any

import factory

from accounts.models import Account, ApiKey, AuditEntry, Membership, Role, Team, User
from accounts.services.accounts import MAXIMUM_LIMIT

PASSWORD = "correct horse battery staple"


class AccountFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Account

    name = factory.Sequence(lambda number: f"Account {number}")
    request_limit = MAXIMUM_LIMIT
    workflow_creation_limit = MAXIMUM_LIMIT


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda number: f"user{number}@example.com")
    name = factory.Sequence(lambda number: f"User {number}")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **fields: Any) -> User:
        return User.objects.create_user(password=fields.pop("password", PASSWORD), **fields)


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.EDITOR


class TeamFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Team

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Team {number}")


class ApiKeyFactory(factory.django.DjangoModelFactory):
    """Makes a key whose user is a member with the same role; the key itself is in `plain_key` of the object."""

    class Meta:
        model = ApiKey

    account = factory.SubFactory(AccountFactory)
    role = Role.EDITOR
    name = factory.Sequence(lambda number: f"Key {number}")

    @classmethod
    def _create(cls, model_class: type[ApiKey], *args: Any, **fields: Any) -> ApiKey:
        if "user" not in fields:
            fields["user"] = MembershipFactory(account=fields["account"], role=fields["role"]).user
        plain_key = f"ft_{secrets.token_urlsafe(32)}"
        api_key = ApiKey.objects.create(
            prefix=plain_key[:12], digest=hashlib.sha256(plain_key.encode()).hexdigest(), **fields
        )
        api_key.plain_key = plain_key  # type: ignore[attr-defined]
        return api_key


class AuditEntryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AuditEntry

    account = factory.SubFactory(AccountFactory)
    actor_label = "somebody"
    verb = "team.created"
    object_type = "team"
    object_id = factory.LazyAttribute(lambda entry: entry.account.id)
