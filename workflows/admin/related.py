"""Links to rows that are known by id alone: history outlives what it is about."""

from typing import Any
from uuid import UUID

from django.db.models import Model, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat, NullIf, Trim
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin.panels import link_to
from workflows.crm.models import Contact
from workflows.models import WorkflowExecution

NAME = Coalesce(
    NullIf(Trim(Concat("first_name", Value(" "), "last_name")), Value("")),
    NullIf("email", Value("")),
    NullIf("phone", Value("")),
    Cast("id", TextField()),
    output_field=TextField(),
)
"""What a contact is called, as its `str()`."""


def whose(execution: WorkflowExecution) -> str:
    """Return what an execution is called; its contact and workflow should have been read with it."""
    return f"{execution.contact} in {execution.workflow.name}"


def row_link(model: type[Model], account_id: UUID, row_id: UUID | None) -> str:
    """Return a link to the row of the account, its id when it is gone, nothing when there is no id."""
    if row_id is None:
        return ""
    rows: QuerySet[Any] = model._default_manager.for_account(account_id)  # type: ignore[attr-defined]  # noqa: SLF001
    if model is WorkflowExecution:
        rows = rows.select_related("contact", "workflow")
    row = rows.filter(pk=row_id).first()
    if row is None:
        return f"{row_id} (gone)"
    return link_to(row, whose(row) if isinstance(row, WorkflowExecution) else None)


def with_contact_names(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return rows with a `contact_id` that also know the contact's name, for `contact_link`, by the same query."""
    contacts = Contact.objects.present().filter(account_id=OuterRef("account_id"), pk=OuterRef("contact_id"))
    return rows.annotate(contact_name=Subquery(contacts.values_list(NAME)[:1]))


def contact_link(row: Any) -> str:
    """Return a link to the page of a row's contact, for rows `with_contact_names`; its id when it is gone."""
    if row.contact_name is None:
        return f"{row.contact_id} (gone)"
    address = reverse("admin:crm_contact_change", args=[row.contact_id])
    return format_html('<a class="text-link" href="{}">{}</a>', address, row.contact_name)
