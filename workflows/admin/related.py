"""Links to rows that are known by id alone: history outlives what it is about."""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin.panels import link_to


def row_link(model: type[Model], account_id: UUID, row_id: UUID | None) -> str:
    """Return a link to the row of the account, its id when it is gone, nothing when there is no id."""
    if row_id is None:
        return ""
    row = model._default_manager.for_account(account_id).filter(pk=row_id).first()  # type: ignore[attr-defined]  # noqa: SLF001
    return link_to(row) if row is not None else f"{row_id} (gone)"


def contact_link(row: Any) -> str:
    """Return a link to the page of the contact with the row's `contact_id`; in lists by id, without a query."""
    address = reverse("admin:crm_contact_change", args=[row.contact_id])
    return format_html('<a class="text-link" href="{}">{}</a>', address, row.contact_id)
