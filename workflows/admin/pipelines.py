"""Pipelines: their stages, and a board of the opportunities in them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Count, F, Prefetch, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.panels import Panel, link_to, list_of
from accounts.admin.staff import Acting
from accounts.problems import Invalid, Problem
from workflows.authoring import removing
from workflows.crm.models import Opportunity, Pipeline, Stage, StageKind
from workflows.crm.services import pipelines
from workflows.crm.services.pipelines import StageDraft

CARDS_SHOWN = 12
MARK = ":"


class PipelineForm(StaffForm):
    """A pipeline's name and its stages, one a line."""

    stage_lines = forms.CharField(
        label="Stages",
        widget=UnfoldAdminTextareaWidget,
        help_text="One stage a line, in their order; “Won: won” and “Lost: lost” close opportunities. New lines add "
        "stages, moved ones move them; a stage is taken away by taking its line away.",
    )

    attrs = {"stages": "stage_lines"}

    class Meta:
        model = Pipeline
        fields = ("name", "stage_lines")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pipeline: Pipeline | None = kwargs.get("instance")
        if pipeline is not None:
            kwargs["initial"] = {"stage_lines": lines_of(pipeline)} | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)


@admin.register(Pipeline)
class PipelineAdmin(AccountScopedAdmin):
    """Pipelines with their stages; the board below shows what is where."""

    form = PipelineForm
    list_display = ("name", "stage_names", "open_opportunities", "account", "updated_at")
    list_select_related = ("account",)
    search_fields = ("name",)
    fields = ("name", "stage_lines")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        in_order = Prefetch("stages", Stage.objects.order_by("position"))
        return super().get_queryset(request).prefetch_related(in_order).annotate(open_count=OPEN_COUNT)

    @admin.display(description="stages")
    def stage_names(self, pipeline: Pipeline) -> str:
        return " → ".join(stage.name for stage in pipeline.stages.all())

    @admin.display(description="open opportunities", ordering="open_count")
    def open_opportunities(self, pipeline: Any) -> str:
        address = list_of(Opportunity, pipeline=pipeline, status__exact="open")
        return format_html('<a class="text-link" href="{}">{}</a>', address, pipeline.open_count)

    def get_panels(self, request: HttpRequest, row: Pipeline) -> Sequence[Panel]:
        return [board(row)]

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Pipeline:
        return pipelines.create_pipeline(**acting.on_behalf(), name=data["name"], stages=drafts_of(data["stage_lines"]))

    def perform_change(self, acting: Acting, row: Pipeline, data: dict[str, Any]) -> None:
        if "name" in data:
            pipelines.rename_pipeline(**acting.on_behalf(), pipeline_id=row.id, name=data["name"])
        if "stage_lines" in data:
            set_stages(acting, row.id, drafts_of(data["stage_lines"]))

    def perform_delete(self, acting: Acting, row: Pipeline) -> None:
        removing.delete_pipeline(**acting.on_behalf(), pipeline_id=row.id)


OPEN_COUNT = Count(
    "stages__opportunities",
    filter=Q(stages__opportunities__status="open", stages__opportunities__contact__deleted_at=None),
)


def lines_of(pipeline: Pipeline) -> str:
    return "\n".join(
        stage.name if stage.kind == StageKind.OPEN else f"{stage.name}{MARK} {stage.kind}"
        for stage in Stage.objects.for_account(pipeline.account_id).filter(pipeline=pipeline).order_by("position")
    )


def drafts_of(text: str) -> list[StageDraft]:
    """Return the stages that the lines say."""
    drafts = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, mark, kind = line.rpartition(MARK)
        is_marked = bool(mark) and kind.strip().lower() in StageKind.values
        drafts.append(StageDraft(name.strip(), kind.strip().lower()) if is_marked else StageDraft(line))
    return drafts


def set_stages(acting: Acting, pipeline_id: UUID, drafts: Sequence[StageDraft]) -> None:
    """Make the pipeline's stages those of the drafts, by name: add, change, take away, then put in order."""
    of_pipeline = {**acting.on_behalf(), "pipeline_id": pipeline_id}
    present = {
        stage.name.lower(): stage
        for stage in Stage.objects.for_account(acting.account_id).filter(pipeline_id=pipeline_id)
    }
    wanted = {draft.name.lower(): draft for draft in drafts}
    if not wanted or len(wanted) < len(drafts):
        raise Invalid(Problem("invalid", "Give at least one stage, each once.", "stages"))
    order: dict[UUID, int] = {}
    for position, (key, draft) in enumerate(wanted.items()):
        stage = present.get(key)
        if stage is None:
            stage = pipelines.add_stage(**of_pipeline, name=draft.name, kind=draft.kind)
        else:
            pipelines.change_stage(**of_pipeline, stage_id=stage.id, name=draft.name, kind=draft.kind)
        order[stage.id] = position
    for key, stage in present.items():
        if key not in wanted:
            removing.delete_stage(**of_pipeline, stage_id=stage.id)
    pipelines.reorder_stages(**of_pipeline, stage_positions=order)


def board(pipeline: Pipeline) -> Panel:
    """Return the opportunities of a pipeline by stage, the latest of each as cards: three queries."""
    own = Opportunity.objects.for_account(pipeline.account_id).filter(pipeline=pipeline, contact__deleted_at=None)
    sums: dict[UUID, list[str]] = {}
    counts: dict[UUID, int] = {}
    for stage_id, currency, count, total in own.values_list("stage_id", "currency").annotate(Count("id"), Sum("value")):
        counts[stage_id] = counts.get(stage_id, 0) + count
        sums.setdefault(stage_id, []).append(f"{total:,.2f} {currency}")
    place = Window(RowNumber(), partition_by=F("stage_id"), order_by=F("id").desc())
    cards: dict[UUID, list[Opportunity]] = {}
    for card in own.annotate(place=place).filter(place__lte=CARDS_SHOWN).select_related("contact", "owner"):
        cards.setdefault(card.stage_id, []).append(card)
    stages = list(pipeline.stages.all())
    return Panel(
        title="Board",
        headings=[f"{stage.name} · {counts.get(stage.id, 0)}" for stage in stages],
        rows=[
            [", ".join(sums.get(stage.id, ())) or "–" for stage in stages],
            [column(cards.get(stage.id, ()), counts.get(stage.id, 0)) for stage in stages],
        ],
        link=list_of(Opportunity, pipeline=pipeline),
        link_text="All opportunities",
        empty="Nothing yet.",
    )


def column(cards: Sequence[Opportunity], count: int) -> str:
    shown = format_html_join(
        "",
        '<div class="border border-base-200 mb-2 px-3 py-2 rounded-default dark:border-base-800">'
        '<div>{}</div><div class="text-subtle">{}</div><div class="text-subtle">{} {}{}</div></div>',
        (
            (
                link_to(card),
                link_to(card.contact),
                f"{card.value:,.2f}",
                card.currency,
                f" · {card.owner}" if card.owner else "",
            )
            for card in cards
        ),
    )
    more = count - len(cards)
    return format_html("{}{}", shown, f"and {more} more" if more > 0 else "")
