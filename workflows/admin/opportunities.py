"""Deals with contacts."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.panels import Panel, cells, link_to
from accounts.admin.staff import Acting
from workflows.admin.cells import LABELS, chip, when
from workflows.crm.models import Opportunity
from workflows.crm.services import opportunities
from workflows.engine import clock

OWN = ("name", "stage", "value", "currency", "status", "owner", "source", "expected_close_on")
SHOWN = ("contact_link", "stage_entered_at", "closed_at", "created_at")
RELATED = ("account", "contact", "pipeline", "stage", "owner")
TONES = LABELS | {"won": "success", "lost": "danger"}


class OpportunityForm(StaffForm):
    """An opportunity; with whom it is made cannot change, a stage brings its pipeline along."""

    attrs = {"pipeline_id": "stage", "stage_id": "stage", "owner_id": "owner", "contact_id": "contact"}

    class Meta:
        model = Opportunity
        fields = ("contact", *OWN)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "stage" in self.fields:
            stages = self.fields["stage"]
            stages.queryset = stages.queryset.select_related("pipeline").order_by("pipeline__name", "position")  # type: ignore[attr-defined]
            stages.label_from_instance = lambda stage: f"{stage.pipeline} · {stage}"  # type: ignore[attr-defined]
        if "currency" in self.fields:
            self.fields["currency"].required = False


@admin.register(Opportunity)
class OpportunityAdmin(AccountScopedAdmin):
    """Opportunities with present contacts, newest first."""

    form = OpportunityForm
    list_display = ("name", "contact_link", "pipeline", "stage", "worth", "state", "owner", "account", "created_at")
    list_filter = ("status", "pipeline", "owner")
    list_select_related = RELATED
    search_fields = ("name", "source", "contact__first_name", "contact__last_name", "contact__email")
    search_ids = ("id", "contact_id")
    linked_by = ("contact", "pipeline", "stage", "owner")
    autocomplete_fields = ("contact",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(contact__deleted_at=None).select_related(*RELATED)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("contact", *OWN) if obj is None else (*SHOWN[:1], *OWN, *SHOWN[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else SHOWN

    @admin.display(description="contact", ordering="contact__first_name")
    def contact_link(self, opportunity: Opportunity) -> str:
        return link_to(opportunity.contact)

    @admin.display(description="value", ordering="value")
    def worth(self, opportunity: Opportunity) -> str:
        return f"{opportunity.value:,.2f} {opportunity.currency}"

    @display(description="status", ordering="status", label=TONES)
    def state(self, opportunity: Opportunity) -> str:
        return opportunity.status

    def get_panels(self, request: HttpRequest, row: Opportunity) -> Sequence[Panel]:
        return [
            Panel(
                title="History",
                headings=("When", "Stage", "Status", "Who"),
                rows=cells(
                    (when(entry.entered_at), entry.stage_name, chip(entry.status), entry.actor_label)
                    for entry in row.history.order_by("-id")
                ),
            )
        ]

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Opportunity:
        contact, stage = data.pop("contact"), data.pop("stage")
        status = data.pop("status")
        return opportunities.add_opportunity(
            **acting.on_behalf(),
            contact_id=contact.id,
            pipeline_id=stage.pipeline_id,
            stage_id=stage.id,
            status=status if stage.kind == "open" else None,
            now=clock.now(),
            **with_owner_id(data),
        )

    def perform_change(self, acting: Acting, row: Opportunity, data: dict[str, Any]) -> Opportunity:
        if "stage" in data:
            stage = data.pop("stage")
            data |= {"pipeline_id": stage.pipeline_id, "stage_id": stage.id}
        return opportunities.change_opportunity(
            **acting.on_behalf(), opportunity_id=row.id, values=with_owner_id(data), now=clock.now()
        )

    def perform_delete(self, acting: Acting, row: Opportunity) -> None:
        opportunities.delete_opportunity(**acting.on_behalf(), opportunity_id=row.id)


def with_owner_id(data: dict[str, Any]) -> dict[str, Any]:
    if "owner" not in data:
        return data
    owner = data.pop("owner")
    return data | {"owner_id": owner.id if owner else None}
