"""The history of an object: its entries of the audit log, for those who may read that."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.admin.panels import Panel, cells, cut, link_to
from accounts.admin.staff import staff_of
from accounts.models import AuditEntry, Role

SHOWN = 100


def as_text(facts: Mapping[str, Any] | None) -> str:
    """Return the changed fields as lines of a cell."""
    return "\n".join(f"{name}: {cut(value, 200)}" for name, value in (facts or {}).items())


class HistoryMixin:
    """Shows the audit log instead of a log of Django's own, which knows no accounts and no API."""

    def history_view(self: Any, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_history_permission(request, row):
            raise PermissionDenied
        entries = AuditEntry.objects.for_account(self.account_of(row)).filter(object_id=row.pk).order_by("-id")
        context = self.admin_site.each_context(request) | {
            "title": f"History of {self.title_of(row)}",
            "panel": Panel(
                title=f"The last {SHOWN} changes",
                headings=("When", "Who", "What", "Before", "After"),
                rows=cells(
                    (
                        link_to(entry, f"{entry.created_at:%Y-%m-%d %H:%M:%S}"),
                        entry.actor_label,
                        entry.verb,
                        as_text(entry.before),
                        as_text(entry.after),
                    )
                    for entry in entries[:SHOWN]
                ),
                empty="No change is on record.",
            ),
            "original": row,
            "opts": self.opts,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/audit_history.html", context | (extra_context or {}))

    def has_history_permission(self: Any, request: HttpRequest, row: Any) -> bool:
        return self.has_view_permission(request, row) and staff_of(request).may(Role.ADMIN, self.account_of(row))

    def log_addition(self, *args: Any) -> None:
        """The service wrote the audit entry."""

    log_change = log_deletions = log_addition
