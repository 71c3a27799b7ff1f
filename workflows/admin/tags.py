"""The account's tags."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.panels import list_of
from accounts.admin.staff import Acting
from workflows.authoring import removing
from workflows.crm.models import Contact, Tag
from workflows.crm.services.tag_list import change_tag, create_tag
from workflows.engine import clock


class TagForm(StaffForm):
    """A tag's name and color."""

    color = forms.CharField(
        max_length=7, required=False, widget=UnfoldAdminTextInputWidget, help_text="`#RRGGBB`, or empty."
    )

    class Meta:
        model = Tag
        fields = ("name", "color")


@admin.register(Tag)
class TagAdmin(AccountScopedAdmin):
    """Labels for contacts; deleting one takes it off every contact."""

    form = TagForm
    list_display = ("name", "swatch", "contacts", "account", "updated_at")
    list_select_related = ("account",)
    search_fields = ("name",)
    fields = ("name", "color")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        present = Count("contact_tags", filter=Q(contact_tags__contact__deleted_at=None))
        return super().get_queryset(request).annotate(contact_count=present)

    @admin.display(description="color")
    def swatch(self, tag: Tag) -> str:
        return format_html('<span class="as-code">{}</span>', tag.color) if tag.color else ""

    @admin.display(description="contacts", ordering="contact_count")
    def contacts(self, tag: Any) -> str:
        address = list_of(Contact, contact_tags__tag__id__exact=tag.pk)
        return format_html('<a class="text-link" href="{}">{}</a>', address, tag.contact_count)

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Tag:
        return create_tag(**acting.on_behalf(), **data)

    def perform_change(self, acting: Acting, row: Tag, data: dict[str, Any]) -> Tag:
        return change_tag(**acting.on_behalf(), tag_id=row.id, now=clock.now(), **data)

    def perform_delete(self, acting: Acting, row: Tag) -> None:
        removing.delete_tag(**acting.on_behalf(), tag_id=row.id, now=clock.now())
