"""`/campaigns`, and who is in them."""

from typing import Any

import django_filters
from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import BooleanFilter
from accounts.api.serializers import AccountRelatedField, StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.execution_filters import PeriodFilter
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.authoring.records import change_campaign, create_campaign
from workflows.crm.models import Campaign, CampaignMember, CampaignStatus, LeftReason
from workflows.crm.services.campaign_members import NOTE_LENGTH
from workflows.crm.services.campaigns import MAXIMUM_LIMIT
from workflows.crm.services.usages import Target
from workflows.engine import clock
from workflows.engine.campaigns import join_campaign, leave_campaign
from workflows.models import Workflow


class CampaignSerializer(StrictModelSerializer):
    """A workflow that contacts join for a time and up to a number."""

    members_count = serializers.IntegerField(read_only=True, help_text="Contacts that are members now.")

    class Meta:
        model = Campaign
        fields = (
            "id",
            "name",
            "description",
            "status",
            "workflow_id",
            "starts_at",
            "ends_at",
            "enrollment_limit",
            "members_count",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CampaignChange(StrictSerializer):
    """What can be set of a campaign."""

    example = {
        "name": "Spring offer",
        "status": "active",
        "workflow_id": "00000000-0000-4000-8000-000000000000",
        "enrollment_limit": 500,
    }

    name = serializers.CharField(max_length=100, help_text="1–100 characters; unique in the account.")
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="≤ 2000 characters."
    )
    status = serializers.ChoiceField(
        choices=CampaignStatus.choices,
        required=False,
        help_text="`active`: contacts can join; `paused`: members stay, nobody joins; `ended`: memberships end and "
        "what their runs had still to do is cancelled. An ended campaign can be opened again.",
    )
    workflow_id = AccountRelatedField(
        queryset_for=lambda account_id: Workflow.objects.for_account(account_id).present(),
        code="workflow_not_found",
        help_text="The workflow whose steps are the campaign's; stays as it is while there are members.",
    )
    starts_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Nobody joins before; or null.")
    ends_at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it ends by itself; or null.")
    enrollment_limit = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAXIMUM_LIMIT,
        help_text="Members at most at a time, 1–1 000 000; null: no limit. Who is in stays in when it is lowered.",
    )


class CampaignFilter(PeriodFilter):
    status = django_filters.ChoiceFilter(choices=CampaignStatus.choices, label="Only those in this status.")
    workflow_id = django_filters.UUIDFilter(label="Only those of this workflow.")

    class Meta:
        model = Campaign
        fields: list[str] = []


class CampaignViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Campaigns of the account, by name. One is a `draft` until its status is set to `active`.

    Deleting one that a workflow names answers 409 `in_use`, one that has members `invalid_transition`.
    """

    queryset = Campaign.objects.annotate(members_count=Count("members", filter=Q(members__left_at=None)))
    serializer_class = CampaignSerializer
    input_serializer_class = CampaignChange
    filterset_class = CampaignFilter
    search_fields = ("name", "description")
    ordering_fields = ("name", "starts_at", "ends_at", "created_at", "updated_at")
    etag_exceptions = ("members_count",)

    def perform_create(self, data: dict[str, Any]) -> Campaign:
        workflow = data.pop("workflow_id")
        campaign = create_campaign(**self.on_behalf(), workflow_id=workflow.id, **data)
        return self.get_queryset().get(id=campaign.id)

    def perform_update(self, campaign: Campaign, data: dict[str, Any]) -> Campaign:
        values = {name: value.id if name == "workflow_id" else value for name, value in data.items()}
        change_campaign(**self.on_behalf(), campaign_id=campaign.id, values=values, now=clock.now())
        return self.get_queryset().get(id=campaign.id)

    def perform_destroy(self, campaign: Campaign) -> None:
        removing.delete_campaign(**self.on_behalf(), campaign_id=campaign.id)

    def usage_target(self, instance: Campaign) -> Target:
        return Target("campaign", instance.id)


class CampaignMemberSerializer(StrictModelSerializer):
    """One stay of a contact in a campaign."""

    campaign_id = serializers.UUIDField(read_only=True)
    contact_id = serializers.UUIDField(read_only=True)
    left_reason = serializers.ChoiceField(
        choices=LeftReason.choices, read_only=True, allow_blank=True, help_text="Why it ended; empty: it has not."
    )

    class Meta:
        model = CampaignMember
        fields = (
            "id",
            "campaign_id",
            "contact_id",
            "joined_at",
            "left_at",
            "left_reason",
            "note",
            "execution_id",
            "created_at",
        )
        read_only_fields = fields


class NewCampaignMember(StrictSerializer):
    """A contact that shall join."""

    example = {"contact_id": "00000000-0000-4000-8000-000000000000"}

    contact_id = serializers.UUIDField(help_text="A contact of the account.")
    step_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The action of the campaign's workflow to start at; left out: its first.",
    )


class Leaving(StrictSerializer):
    """Why a contact leaves."""

    example = {"reason": "Bought already"}

    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=NOTE_LENGTH, help_text="≤ 500 characters; kept as `note`."
    )


class MemberFilter(PeriodFilter):
    contact_id = django_filters.UUIDFilter(label="Only stays of this contact.")
    is_member = BooleanFilter(
        field_name="left_at", lookup_expr="isnull", label="`true`: only stays that are not over; `false`: only others."
    )

    class Meta:
        model = CampaignMember
        fields: list[str] = []


class CampaignMemberViewSet(ListMixin, RetrieveMixin, CreateMixin, AccountViewSet):
    """Stays of contacts in one campaign, newest first; those that are over stay listed."""

    queryset = CampaignMember.objects.all()
    serializer_class = CampaignMemberSerializer
    input_serializer_classes = {"create": NewCampaignMember, "leave": Leaving}
    filterset_class = MemberFilter
    ordering_fields = ("joined_at", "left_at")
    parent_queryset = Campaign.objects.all()
    parent_kwarg = "campaign_id"
    parent_field = "campaign"
    unlocked_actions = ("leave",)

    def perform_create(self, data: dict[str, Any]) -> CampaignMember:
        """Let a contact join: it enters the campaign's workflow at once.

        409 `campaign_closed`, `campaign_full`, `already_enrolled`, `contact_opted_out` or `workflow_not_active`.
        """
        return join_campaign(**self.on_behalf(), campaign_id=self.parent.id, now=clock.now(), **data)

    @extend_schema(request=Leaving, responses=CampaignMemberSerializer)
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, **kwargs: Any) -> Response:
        """Take the contact out and cancel what its run had still to do; a stay that is over stays as it is."""
        member = self.get_object()
        note = self.validated().get("reason", "")
        left = leave_campaign(
            **self.on_behalf(), campaign_id=self.parent.id, member_id=member.id, note=note, now=clock.now()
        )
        return self.answer(left)
