"""Forms of the admin: their choices lie in the object's account, and a service's refusals land at their fields."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Field, Model, QuerySet

from accounts.api.identifiers import parse_uuid
from accounts.models import User
from accounts.problems import Problem
from accounts.scoping import AccountQuerySet


def members_of(account_id: UUID) -> QuerySet[User]:
    """Return the users who are active members of the account."""
    return User.objects.filter(is_active=True, memberships__account_id=account_id, memberships__is_active=True)


def choices_in(model: type[Model], account_id: UUID) -> QuerySet[Any]:
    """Return the rows of the account that a field of it may refer to: nothing of a model that belongs to no account."""
    if model is User:
        return members_of(account_id)
    rows = model._default_manager.all()  # noqa: SLF001 - Django's name for the public manager
    if not isinstance(rows, AccountQuerySet):
        return rows.none()
    own = rows.for_account(account_id)
    return own.present() if hasattr(own, "present") else own


class AccountAutocomplete(AutocompleteSelect):
    """Finds rows of one account while one types; `account_id` narrows what the address answers."""

    def __init__(self, field: Field, admin_site: AdminSite, account_id: UUID, **options: Any) -> None:
        super().__init__(field, admin_site, **options)
        self.account_id = account_id

    def optgroups(self, name: str, value: Sequence[str], attrs: dict[str, Any] | None = None) -> Any:
        """Leave out what is no id: Django looks it up unread, and stumbles."""
        return super().optgroups(name, [each for each in value if parse_uuid(str(each))], attrs)

    def get_url(self) -> str:
        return f"{super().get_url()}?account={self.account_id}"


class Refusals:
    """What every form of the admin can: say what a service refused.

    `account_id` is the account that the object lies in; `attrs` maps the path of a problem to the field it belongs to
    where they differ, e.g. `{"settings.host": "host"}`.
    """

    account_id: ClassVar[UUID]
    refusals: ClassVar[Sequence[Problem]] = ()
    attrs: ClassVar[Mapping[str, str]] = {}

    def full_clean(self: Any) -> None:
        super().full_clean()  # type: ignore[misc]
        if self.is_bound:
            for problem in self.refusals:
                self.add_error(self.field_of(problem), forms.ValidationError(problem.detail, problem.code))

    def field_of(self: Any, problem: Problem) -> str | None:
        """Return the field that a problem is about; None: the form as a whole."""
        attr = problem.attr or ""
        for name in (self.attrs.get(attr), attr, attr.partition(".")[0], attr.removesuffix("_id")):
            if name and name in self.fields:
                return name
        return None


class StaffForm(Refusals, forms.ModelForm):
    """A form of one row; fields of its own may stand beside those of the model."""


class OperationForm(Refusals, forms.Form):
    """What an operation wants to know; `row` is the object it is about."""

    row: ClassVar[Any]
