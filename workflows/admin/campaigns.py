"""Campaigns and who is in them."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, cells, link_to, list_of
from accounts.admin.staff import Acting
from workflows.admin.cells import LABELS, chip, when
from workflows.admin.membership_forms import LeaveForm, OneContactForm
from workflows.admin.related import row_link
from workflows.authoring import removing
from workflows.authoring.records import change_campaign, create_campaign
from workflows.crm.models import Campaign, CampaignMember, CampaignStatus
from workflows.engine import clock
from workflows.engine.campaigns import join_campaign, leave_campaign
from workflows.models import Workflow, WorkflowExecution

SHOWN = 20


class CampaignForm(StaffForm):
    """A campaign and the workflow whose steps are its."""

    attrs = {"workflow_id": "workflow"}

    workflow = forms.ModelChoiceField(
        queryset=Workflow.objects.none(),
        widget=UnfoldAdminSelectWidget,
        help_text="Joining enrolls the contact in it; stays as it is while there are members.",
    )

    class Meta:
        model = Campaign
        fields = ("name", "description", "status", "workflow", "starts_at", "ends_at", "enrollment_limit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        campaign: Campaign | None = kwargs.get("instance")
        if campaign is not None:
            kwargs["initial"] = {"workflow": campaign.workflow_id} | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if "workflow" in self.fields:
            self.fields["workflow"].required = campaign is None
            self.fields["workflow"].queryset = Workflow.objects.for_account(self.account_id).present()  # type: ignore[attr-defined]


def join(acting: Acting, row: Campaign, data: dict[str, Any]) -> None:
    join_campaign(**acting.on_behalf(), campaign_id=row.id, contact_id=data["contact"].id, now=clock.now())


def leave(acting: Acting, row: CampaignMember, data: dict[str, Any]) -> None:
    leave_campaign(**acting.on_behalf(), campaign_id=row.campaign_id, member_id=row.id, now=clock.now(), **data)


def end(acting: Acting, row: Campaign, data: dict[str, Any]) -> None:
    change_campaign(**acting.on_behalf(), campaign_id=row.id, values={"status": CampaignStatus.ENDED}, now=clock.now())


@admin.register(Campaign)
class CampaignAdmin(AccountScopedAdmin):
    """Campaigns, by name."""

    form = CampaignForm
    list_display = ("name", "state", "workflow_link", "members", "starts_at", "ends_at", "account")
    list_filter = ("status",)
    list_select_related = ("account",)
    search_fields = ("name", "description")
    fields = ("name", "description", "status", "workflow", "starts_at", "ends_at", "enrollment_limit")
    operations = (
        Operation(
            name="join",
            label="Add contact",
            icon="person_add",
            carry_out=join,
            done="Joined",
            form_class=OneContactForm,
            is_offered=lambda row: row.status == CampaignStatus.ACTIVE,
        ),
        Operation(
            name="end",
            label="End",
            icon="stop_circle",
            carry_out=end,
            done="Ended; memberships end within seconds",
            question="All memberships end, and what the members' runs had still to do is cancelled.",
            is_offered=lambda row: row.status != CampaignStatus.ENDED,
            is_dangerous=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        present = Count("members", filter=Q(members__left_at=None))
        names = Workflow.objects.filter(id=OuterRef("workflow_id")).values("name")
        return super().get_queryset(request).annotate(member_count=present, workflow_name=Subquery(names))

    @display(description="status", label=LABELS, ordering="status")
    def state(self, campaign: Campaign) -> str:
        return campaign.status

    @admin.display(description="workflow")
    def workflow_link(self, campaign: Any) -> str:
        return link_to(Workflow(id=campaign.workflow_id), campaign.workflow_name or "")

    @admin.display(description="members", ordering="member_count")
    def members(self, campaign: Any) -> str:
        limit = f" of {campaign.enrollment_limit}" if campaign.enrollment_limit else ""
        return f"{campaign.member_count}{limit}"

    def get_panels(self, request: HttpRequest, row: Campaign) -> Sequence[Panel]:
        stays = CampaignMember.objects.for_account(row.account_id).filter(campaign=row).select_related("contact")
        return [
            Panel(
                title="Members",
                headings=("Contact", "Joined", "Left", "Why"),
                rows=cells(
                    (
                        link_to(stay, str(stay.contact)),
                        when(stay.joined_at),
                        when(stay.left_at),
                        chip(stay.left_reason) if stay.left_reason else chip("active", "member"),
                    )
                    for stay in stays.order_by("-id")[:SHOWN]
                ),
                link=list_of(CampaignMember, campaign=row),
                empty="Nobody has joined yet.",
            )
        ]

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Campaign:
        workflow = data.pop("workflow")
        return create_campaign(**acting.on_behalf(), workflow_id=workflow.id, **data)

    def perform_change(self, acting: Acting, row: Campaign, data: dict[str, Any]) -> Campaign:
        values = {("workflow_id" if name == "workflow" else name): value for name, value in data.items()}
        workflow = values.pop("workflow_id", None)
        if workflow is not None:
            values["workflow_id"] = workflow.id
        return change_campaign(**acting.on_behalf(), campaign_id=row.id, values=values, now=clock.now())

    def perform_delete(self, acting: Acting, row: Campaign) -> None:
        removing.delete_campaign(**acting.on_behalf(), campaign_id=row.id)


@admin.register(CampaignMember)
class CampaignMemberAdmin(AccountScopedAdmin):
    """Stays of contacts in campaigns, newest first."""

    is_log = True
    list_display = ("contact_name", "campaign", "joined_at", "left_at", "left_reason", "account")
    list_filter = ("left_reason", "campaign")
    list_select_related = ("account", "campaign", "contact")
    search_fields = ("contact__email", "contact__first_name", "contact__last_name")
    linked_by = ("campaign", "contact")
    ordering = ("-id",)
    fields = (
        "contact_link",
        "campaign_link",
        "joined_at",
        "left_at",
        "left_reason",
        "note",
        "execution_link",
        "account",
    )
    readonly_fields = ("contact_link", "campaign_link", "execution_link")
    operations = (
        Operation(
            name="leave",
            label="Remove",
            icon="person_remove",
            carry_out=leave,
            done="Removed",
            form_class=LeaveForm,
            is_offered=lambda row: row.left_at is None,
            is_dangerous=True,
        ),
    )

    def title_of(self, row: CampaignMember) -> str:
        return f"{row.contact} in {row.campaign}"

    @admin.display(description="contact")
    def contact_name(self, stay: CampaignMember) -> str:
        return str(stay.contact)

    @admin.display(description="contact")
    def contact_link(self, stay: CampaignMember) -> str:
        return link_to(stay.contact)

    @admin.display(description="campaign")
    def campaign_link(self, stay: CampaignMember) -> str:
        return link_to(stay.campaign)

    @admin.display(description="execution")
    def execution_link(self, stay: CampaignMember) -> str:
        return row_link(WorkflowExecution, stay.account_id, stay.execution_id)
