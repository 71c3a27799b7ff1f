"""Mails written once and sent many times."""

from typing import Any

from django import forms
from django.contrib import admin
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextareaWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import OperationForm, StaffForm
from accounts.admin.operations import Operation, Shown
from accounts.admin.staff import Acting
from workflows.admin.membership_forms import OneContactForm
from workflows.authoring import removing
from workflows.engine import clock
from workflows.messaging.mailboxes import is_mailable
from workflows.messaging.models import EmailTemplate
from workflows.messaging.services.templates import change_template, create_template
from workflows.messaging.services.trying import preview_template, send_test

TEXTS = ("name", "subject", "preview_text", "body_html", "body_text")


class EmailTemplateForm(StaffForm):
    """The texts of a template, kept to the letter."""

    body_html = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 18, "class": "font-mono", "spellcheck": "false"}),
        label="HTML",
        help_text="Liquid in HTML, ≤ 256 KB; values are escaped. `{{ unsubscribe_url }}` is the contact's way out.",
    )
    body_text = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
        label="Plain text",
        help_text="Liquid in plain text, ≤ 256 KB; empty: made from the HTML.",
    )

    class Meta:
        model = EmailTemplate
        fields = TEXTS


class TestForm(OperationForm):
    """Where to send a test."""

    to = forms.CharField(max_length=254, widget=UnfoldAdminEmailInputWidget, help_text="The address, e.g. your own.")

    def clean_to(self) -> str:
        address: str = self.cleaned_data["to"]
        if not is_mailable(address):
            raise forms.ValidationError("Give one e-mail address such as name@example.com.", "invalid")
        return address


def preview(acting: Acting, row: EmailTemplate, data: dict[str, Any]) -> Shown:
    """Show the mail as the contact would get it, in a frame that may do nothing."""
    mail = preview_template(
        account_id=acting.account_id, template_id=row.id, contact_id=data["contact"].id, now=clock.now()
    )
    return Shown("admin/mail_preview.html", {"mail": mail})


def test(acting: Acting, row: EmailTemplate, data: dict[str, Any]) -> str:
    problem = send_test(**acting.on_behalf(), template_id=row.id, to=data["to"], now=clock.now())
    return f"It was not sent: {problem}" if problem else f"Sent to {data['to']}."


@admin.register(EmailTemplate)
class EmailTemplateAdmin(AccountScopedAdmin):
    """Templates; changing one changes the mails that are sent from then on."""

    form = EmailTemplateForm
    list_display = ("name", "subject", "account", "updated_by", "updated_at")
    list_select_related = ("account", "updated_by")
    search_fields = ("name", "subject")
    fields = TEXTS
    operations = (
        Operation(
            name="preview",
            label="Preview",
            icon="visibility",
            carry_out=preview,
            done="Rendered",
            form_class=OneContactForm,
        ),
        Operation(
            name="send-test",
            label="Send test",
            icon="forward_to_inbox",
            carry_out=test,
            done="Sent",
            form_class=TestForm,
            is_atomic=False,
        ),
    )

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> EmailTemplate:
        return create_template(**acting.on_behalf(), **data)

    def perform_change(self, acting: Acting, row: EmailTemplate, data: dict[str, Any]) -> EmailTemplate:
        return change_template(**acting.on_behalf(), template_id=row.id, **data)

    def perform_delete(self, acting: Acting, row: EmailTemplate) -> None:
        removing.delete_template(**acting.on_behalf(), template_id=row.id)
