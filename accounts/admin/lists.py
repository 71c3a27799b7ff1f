"""What lists of rows share: the account picked, filters, search by id, pages of long logs, deleting several."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.paginator import InfinitePaginator

from accounts.admin.forms import choices_in
from accounts.admin.staff import staff_of
from accounts.api.identifiers import parse_uuid
from accounts.models import User
from accounts.problems import Conflict, Forbidden, Invalid, Missing, Stale

MOST_REASONS = 10
"""Of so many rows it is told why they were left alone."""
MOST_CHOICES = 200
"""A filter with more choices than this is not offered; links from other pages narrow lists nevertheless."""


class OwnRelatedFilter(RelatedFieldListFilter):
    """A filter by a foreign key that offers rows of the accounts listed, never those of others."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        staff, model = staff_of(request), field.remote_field.model
        if staff.chosen is not None:
            rows = choices_in(model, staff.chosen)
        elif model is User:
            own = staff.accounts()
            rows = User.objects.filter(memberships__account__in=own, memberships__is_active=True).distinct()
        else:
            rows = staff.narrowed(model._default_manager.all())  # noqa: SLF001 - Django's name for the public manager
            rows = rows.present() if hasattr(rows, "present") else rows
        found = list(rows[: MOST_CHOICES + 1])
        return [(row.pk, str(row)) for row in found] if len(found) <= MOST_CHOICES else []


class NameFilter(admin.SimpleListFilter):
    """A filter by a column whose values are names of a catalogue: nothing is looked up to offer them."""

    names: ClassVar[Callable[[], Iterable[str]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.replace("_", " ")) for name in sorted(type(self).names())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class AccountFilter(admin.SimpleListFilter):
    """Whose rows; offered to those who work in several accounts and picked none."""

    title = "account"
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        staff = staff_of(request)
        if staff.chosen is not None:
            return []
        accounts = staff.accounts(model_admin.read_role).values_list("pk", "name")[: MOST_CHOICES + 1]
        return [(str(account_id), name) for account_id, name in accounts] if len(accounts) <= MOST_CHOICES else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        account_id = parse_uuid(self.value())
        return queryset.filter(account_id=account_id) if account_id else queryset.none()


class ListMixin:
    """Lists of an `AccountScopedAdmin`.

    `search_ids` are columns that a UUID in the search box is looked for in; `linked_by` are foreign keys and columns
    that other pages narrow this list by. `is_log` says that the table grows without end: its rows are not counted.
    """

    search_ids: ClassVar[Sequence[str]] = ("id",)
    linked_by: ClassVar[Sequence[str]] = ()
    is_log: ClassVar[bool] = False
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # counts by filter read the whole table
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = False
    delete_selected_confirmation_template = "admin/confirm_delete_selected.html"

    def get_paginator(self: Any, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        paginator = InfinitePaginator if self.is_log else self.paginator
        return paginator(queryset, per_page, *args, **kwargs)

    def changelist_view(self: Any, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        request._account_listed = staff_of(request).chosen  # type: ignore[attr-defined]  # noqa: SLF001 - ours
        return super().changelist_view(request, extra_context)  # type: ignore[misc]

    def get_list_filter(self: Any, request: HttpRequest) -> Sequence[Any]:
        """Offer rows of own accounts alone, whatever a page filters by."""
        own = [self.scoped_filter(each) for each in super().get_list_filter(request)]  # type: ignore[misc]
        return [*own, AccountFilter] if self.account_field == "account_id" else own

    def scoped_filter(self: Any, name: Any) -> Any:
        is_field = isinstance(name, str) and "__" not in name
        return (name, OwnRelatedFilter) if is_field and self.opts.get_field(name).is_relation else name

    def get_list_display(self: Any, request: HttpRequest) -> Sequence[Any]:
        """Leave the account out where all rows are of one."""
        columns = super().get_list_display(request)  # type: ignore[misc]
        return columns if staff_of(request).chosen is None else [each for each in columns if each != "account"]

    def lookup_allowed(self: Any, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Let addresses narrow a list by its filters and links alone; guesses at other columns are refused."""
        offered = {"id", "pk", *self.linked_by}
        for each in self.get_list_filter(request):
            offered.add(each[0] if isinstance(each, tuple) else getattr(each, "parameter_name", each))
        return any(lookup == name or lookup.startswith(f"{name}__") for name in offered) and super().lookup_allowed(  # type: ignore[misc]
            lookup, value, request
        )

    def get_search_results(
        self: Any, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if self.list_select_related:  # Django leaves them out where the page's own rows bring others along
            queryset = queryset.select_related(*self.list_select_related)
        listed: UUID | None = getattr(request, "_account_listed", None)
        if "account" in request.GET and request.path.endswith("/autocomplete/"):
            listed = parse_uuid(request.GET["account"])
            queryset = queryset if listed else queryset.none()
        if listed is not None:
            queryset = queryset.filter(**{self.account_field: listed})
        identifier = parse_uuid(search_term.strip())
        if identifier is not None and self.search_ids:
            return queryset.filter(Q(*[(name, identifier) for name in self.search_ids], _connector=Q.OR)), False
        return super().get_search_results(request, queryset, search_term)  # type: ignore[misc]

    # Deleting several.

    def get_actions(self: Any, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)  # type: ignore[misc]
        if "delete_selected" in actions:
            actions["delete_selected"] = (delete_selected, "delete_selected", "Delete selected")
        return actions


def delete_selected(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Ask, then delete each row by its service; what cannot be deleted stays and is told with its reason."""
    if not request.POST.get("post"):
        context = model_admin.admin_site.each_context(request) | {
            "title": "Delete several",
            "objects_name": str(model_ngettext(rows)),
            "queryset": rows,
            "opts": model_admin.opts,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "media": model_admin.media,
        }
        return TemplateResponse(request, model_admin.delete_selected_confirmation_template, context)
    carry_out_on_each(
        model_admin,
        request,
        rows,
        lambda row: model_admin.perform_delete(model_admin.acting(request, row), row),
        allowed=lambda row: model_admin.has_delete_permission(request, row),
        done="Deleted",
    )
    return None


def carry_out_on_each(
    model_admin: Any, request: HttpRequest, rows: QuerySet[Any], verb: Any, *, allowed: Any, done: str
) -> None:
    """Do something with each row, in a transaction each, and say how often it went well and why it did not."""
    count, refusals = 0, []
    for row in rows:
        if not allowed(row):
            refusals.append((row, "Your role in its account does not reach this far."))
            continue
        try:
            with transaction.atomic():
                verb(row)
            count += 1
        except Missing:
            refusals.append((row, "It is gone already."))
        except (Invalid, Conflict, Stale, Forbidden, ValidationError) as refusal:
            refusals.append((row, str(refusal)))
    if count:
        model_admin.message_user(
            request, f"{done}: {count} {model_ngettext(model_admin.opts, count)}.", messages.SUCCESS
        )
    for row, reason in refusals[:MOST_REASONS]:
        model_admin.message_user(request, f"{row}: {reason}", messages.ERROR)
    if len(refusals) > MOST_REASONS:
        model_admin.message_user(request, f"… and {len(refusals) - MOST_REASONS} more.", messages.ERROR)
