"""What the admin's pages of workflows and contacts share."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin.base import AccountScopedAdmin
from accounts.models import Membership, User


def own_accounts(user: User | AnonymousUser) -> QuerySet[Any, UUID]:
    """Return the ids of the accounts that a user is an active member of."""
    memberships = Membership.objects.filter(user_id=user.pk, is_active=True)  # type: ignore[misc]  # nobody has no id
    return memberships.values_list("account_id", flat=True)


class MemberScopedAdmin(AccountScopedAdmin):
    """Shows rows of the accounts that a staff user is a member of, in whatever role; superusers see all. Read-only."""

    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super(AccountScopedAdmin, self).get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(account_id__in=own_accounts(request.user))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser or own_accounts(request.user).exists()


def link_to(row: Model, text: str | None = None) -> str:
    """Return a link to the row's own page."""
    address = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])  # noqa: SLF001 - public API
    return format_html('<a href="{}">{}</a>', address, text or str(row))


def link_to_executions(**of: Any) -> str:
    """Return a link to the list of executions of one contact or workflow, e.g. `contact=…`."""
    ((name, row),) = of.items()
    address = reverse("admin:workflows_workflowexecution_changelist")
    return format_html('<a href="{}?{}__id__exact={}">Executions</a>', address, name, row.pk)
