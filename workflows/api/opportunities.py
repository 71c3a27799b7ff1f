"""`/opportunities`, and those of one contact."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from accounts.api.serializers import AccountRelatedField, StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from accounts.standards import is_currency
from workflows.api.execution_filters import PeriodFilter
from workflows.crm.models import Contact, Opportunity, OpportunityStatus, Pipeline, Stage, StageEntry
from workflows.crm.services import opportunities
from workflows.crm.services.locking import lock_contact_rows
from workflows.engine import clock


class StageEntrySerializer(serializers.ModelSerializer[StageEntry]):
    """The opportunity's coming to a stage, or to another status there."""

    class Meta:
        model = StageEntry
        fields = (
            "pipeline_id",
            "stage_id",
            "stage_name",
            "status",
            "entered_at",
            "actor_id",
            "actor_label",
            "caused_by_id",
        )
        read_only_fields = fields


class OpportunitySerializer(StrictModelSerializer):
    """A deal that may be made with a contact."""

    contact_id = serializers.UUIDField(read_only=True)
    pipeline_id = serializers.UUIDField(read_only=True)
    stage_id = serializers.UUIDField(read_only=True)
    stage_name = serializers.CharField(source="stage.name", read_only=True, help_text="What the stage is called.")
    value = serializers.FloatField(read_only=True, help_text="What it is worth, with at most 3 decimal places.")
    owner_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="User id of who looks after it; null: nobody."
    )

    class Meta:
        model = Opportunity
        fields = (
            "id",
            "contact_id",
            "pipeline_id",
            "stage_id",
            "stage_name",
            "name",
            "value",
            "currency",
            "status",
            "owner_id",
            "source",
            "expected_close_on",
            "stage_entered_at",
            "closed_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class OpportunityDetailSerializer(OpportunitySerializer):
    """A deal that may be made with a contact, with its history."""

    history = StageEntrySerializer(many=True, read_only=True, help_text="The stages that it came to, oldest first.")

    class Meta(OpportunitySerializer.Meta):
        fields = (*OpportunitySerializer.Meta.fields, "history")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class OpportunityChange(StrictSerializer):
    """What can be changed of an opportunity."""

    example = {"value": 1250, "currency": "EUR"}

    pipeline_id = AccountRelatedField(
        queryset_for=Pipeline.objects.for_account,
        code="pipeline_not_found",
        required=False,
        help_text="A pipeline of the account; without `stage_id` its first stage is meant.",
    )
    stage_id = AccountRelatedField(
        queryset_for=Stage.objects.for_account,
        code="stage_not_found",
        required=False,
        help_text="A stage of the pipeline; `won` and `lost` ones close the opportunity.",
    )
    name = serializers.CharField(required=False, max_length=200, help_text="1–200 characters.")
    value = serializers.DecimalField(
        max_digits=15,
        decimal_places=3,
        min_value=0,
        required=False,
        help_text="What it is worth, ≥ 0 with at most 3 decimal places.",
    )
    currency = serializers.CharField(required=False, max_length=3, help_text="ISO 4217 code.")
    status = serializers.ChoiceField(
        choices=OpportunityStatus.choices,
        required=False,
        help_text="At a won or lost stage only that; at an open one any.",
    )
    owner_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="User id of an active member; null: nobody."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # DRF has an attribute of that name
        required=False, allow_blank=True, max_length=100, help_text="Where it came from, ≤ 100 characters."
    )
    expected_close_on = serializers.DateField(
        required=False, allow_null=True, help_text="Day on which it should be closed, `YYYY-MM-DD`; or null."
    )

    def validate_currency(self, code: str) -> str:
        if not is_currency(code.upper()):
            raise serializers.ValidationError("Give an ISO 4217 code of money in circulation, e.g. EUR.", "invalid")
        return code.upper()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value.pk if isinstance(value, (Pipeline, Stage, Contact)) else value for name, value in attrs.items()
        }


class NewOpportunity(OpportunityChange):
    """An opportunity to make; without a stage it begins at the pipeline's first, without currency in the account's."""

    example = {
        "contact_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21",
        "pipeline_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21",
        "name": "Twelve chairs",
        "value": 1250,
    }

    contact_id = AccountRelatedField(
        queryset_for=lambda account_id: Contact.objects.for_account(account_id).present(),
        code="contact_not_found",
        help_text="A contact of the account.",
    )
    pipeline_id = AccountRelatedField(
        queryset_for=Pipeline.objects.for_account, code="pipeline_not_found", help_text="A pipeline of the account."
    )
    name = serializers.CharField(max_length=200, help_text="1–200 characters.")


class OpportunityFilter(PeriodFilter):
    pipeline_id = django_filters.UUIDFilter(label="Only those in this pipeline.")
    stage_id = django_filters.UUIDFilter(label="Only those at this stage.")
    status = django_filters.ChoiceFilter(choices=OpportunityStatus.choices, label="Only those in this status.")
    owner_id = django_filters.UUIDFilter(label="User id of the member who looks after them.")
    contact_id = django_filters.UUIDFilter(label="Only those with this contact.")
    currency = django_filters.CharFilter(lookup_expr="iexact", label="ISO 4217 code of the value.")
    min_value = django_filters.NumberFilter("value", "gte", label="Worth at least this.")
    max_value = django_filters.NumberFilter("value", "lte", label="Worth at most this.")
    expected_before = django_filters.DateFilter("expected_close_on", "lt", label="To be closed before this day.")

    class Meta:
        model = Opportunity
        fields: list[str] = []


class OpportunityViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Opportunities of the account with present contacts, newest first."""

    queryset = Opportunity.objects.filter(contact__deleted_at=None).select_related("stage")
    serializer_class = OpportunityDetailSerializer
    input_serializer_classes = {"create": NewOpportunity, "partial_update": OpportunityChange}
    filterset_class = OpportunityFilter
    search_fields = ("name", "source", "contact__first_name", "contact__last_name", "contact__email")
    ordering_fields = ("created_at", "updated_at", "value", "name", "expected_close_on", "stage_entered_at")

    def get_serializer_class(self) -> Any:
        return OpportunitySerializer if self.action == "list" else super().get_serializer_class()

    @extend_schema(responses=OpportunitySerializer(many=True))
    def list(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().list(request, *args, **kwargs)

    def lock(self, instance: Opportunity) -> None:
        """Lock the contact first, as every change of an opportunity does."""
        lock_contact_rows(account_id=instance.account_id, contact_ids=[instance.contact_id])
        super().lock(instance)

    def perform_create(self, data: dict[str, Any]) -> Opportunity:
        return opportunities.add_opportunity(**self.on_behalf(), now=clock.now(), **data)

    def perform_update(self, opportunity: Opportunity, data: dict[str, Any]) -> Opportunity:
        return opportunities.change_opportunity(
            **self.on_behalf(), opportunity_id=opportunity.id, values=data, now=clock.now()
        )

    def perform_destroy(self, opportunity: Opportunity) -> None:
        opportunities.delete_opportunity(**self.on_behalf(), opportunity_id=opportunity.id)
