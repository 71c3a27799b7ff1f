"""Forms of joining a campaign and of access to a course, asked on the page of either side."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin.forms import AccountAutocomplete, OperationForm
from workflows.crm.models import AccessLevel, Campaign, CampaignStatus, Contact, Course, Task
from workflows.crm.services.campaign_members import NOTE_LENGTH
from workflows.crm.services.course_access import LONGEST, REASON_LENGTH, Grant


class OneContactForm(OperationForm):
    """A contact of the account, found while one types."""

    attrs = {"contact_id": "contact"}

    contact = forms.ModelChoiceField(
        queryset=Contact.objects.none(), help_text="Name, address or telephone number of a contact of the account."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["contact"]
        widget = AccountAutocomplete(Task._meta.get_field("contact"), admin.site, self.account_id)  # noqa: SLF001
        widget.choices = field.choices
        field.widget = widget
        field.queryset = Contact.objects.for_account(self.account_id).present()


class CampaignChoice(OperationForm):
    """The campaign that the contact shall join."""

    campaign = forms.ModelChoiceField(
        queryset=Campaign.objects.none(), widget=UnfoldAdminSelectWidget, help_text="An active campaign."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Campaign.objects.for_account(self.account_id).filter(status=CampaignStatus.ACTIVE)
        self.fields["campaign"].queryset = own  # type: ignore[attr-defined]


class LeaveForm(OperationForm):
    """Why a contact leaves a campaign."""

    note = forms.CharField(
        required=False, max_length=NOTE_LENGTH, widget=UnfoldAdminTextInputWidget, help_text="≤ 500 characters."
    )


class TermsForm(OperationForm):
    """How much of a course is open, and for how long."""

    level = forms.ChoiceField(choices=AccessLevel.choices, initial=AccessLevel.FULL, widget=UnfoldAdminSelectWidget)
    duration_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Days until it expires; empty: never.",
    )
    drip_content = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanSwitchWidget, label="Lessons open one after the other"
    )
    extend = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Lengthen access that the contact has"
    )


class GrantForm(OneContactForm, TermsForm):
    """Who gets access to the course, and on which terms."""

    field_order = ("contact",)


class CourseChoice(TermsForm):
    """The course that the contact gets access to, and on which terms."""

    course = forms.ModelChoiceField(queryset=Course.objects.none(), widget=UnfoldAdminSelectWidget)
    field_order = ("course",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["course"].queryset = Course.objects.for_account(self.account_id)  # type: ignore[attr-defined]


class RevokeForm(OperationForm):
    """How access ends."""

    reason = forms.CharField(
        required=False, max_length=REASON_LENGTH, widget=UnfoldAdminTextInputWidget, help_text="≤ 500 characters."
    )
    retain_progress = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanSwitchWidget, label="Keep which lessons were completed"
    )


def terms_of(data: dict[str, Any]) -> Grant:
    """Return the terms that a `TermsForm` asked for."""
    days = data["duration_days"]
    return Grant(
        level=data["level"],
        duration=timedelta(days=days) if days else None,
        drip_content=data["drip_content"],
        extends=data["extend"],
    )
