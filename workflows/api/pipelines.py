"""`/pipelines` and their stages."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.models import Pipeline, Stage, StageKind
from workflows.crm.services import pipelines
from workflows.crm.services.pipelines import MAXIMUM_STAGES, StageDraft
from workflows.crm.services.usages import Target


class StageSerializer(StrictModelSerializer):
    """A place that an opportunity can be at."""

    pipeline_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Stage
        fields = ("id", "pipeline_id", "name", "kind", "position", "created_at", "updated_at")
        read_only_fields = fields


class PipelineSerializer(StrictModelSerializer):
    """An ordered list of stages."""

    stages = StageSerializer(many=True, read_only=True, help_text="In their order.")

    class Meta:
        model = Pipeline
        fields = ("id", "name", "stages", "created_at", "updated_at")
        read_only_fields = fields


class NewStage(StrictSerializer):
    """A stage of a new pipeline."""

    name = serializers.CharField(max_length=100, help_text="1–100 characters; unique in the pipeline in any case.")
    kind = serializers.ChoiceField(
        choices=StageKind.choices,
        required=False,
        help_text="`won` and `lost` close the opportunities that come there; `open` unless given.",
    )


class StageInput(NewStage):
    """What can be set of a stage."""

    example = {"name": "Offer sent", "position": 1}

    position = serializers.IntegerField(
        required=False, min_value=0, max_value=MAXIMUM_STAGES, help_text="0-based place; a new one goes to the end."
    )


class PipelineInput(StrictSerializer):
    """A pipeline to make."""

    example = {"name": "Sales", "stages": [{"name": "Talk"}, {"name": "Won", "kind": "won"}]}

    name = serializers.CharField(max_length=100, help_text="1–100 characters; unique in the account in any case.")
    stages: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=NewStage(),
        required=False,
        help_text=f"In their order, 1–{MAXIMUM_STAGES}; left out: Open, Won and Lost.",
    )


class PipelineChange(StrictSerializer):
    """What can be changed of a pipeline."""

    example = {"name": "Sales in May"}

    name = serializers.CharField(
        required=False, max_length=100, help_text="1–100 characters; unique in the account in any case."
    )


class StageOrder(StrictSerializer):
    """Where stages are to stand."""

    example = {"stage_positions": {"019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21": 0}}

    stage_positions = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=MAXIMUM_STAGES),
        help_text="0-based positions by the id of the stage, at least one; the others keep their order around them.",
    )

    def validate_stage_positions(self, positions: dict[str, int]) -> dict[UUID, int]:
        try:
            return {UUID(stage_id): position for stage_id, position in positions.items()}
        except ValueError:
            raise serializers.ValidationError("The keys must be ids of stages.", code="invalid") from None


class StageListSerializer(serializers.Serializer[Any]):
    """The stages in their new order."""

    items = StageSerializer(many=True, read_only=True)


class PipelineViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Pipelines of the account, by name.

    Deleting one that a workflow names or that opportunities are in answers 409 `in_use`.
    """

    queryset = Pipeline.objects.prefetch_related("stages")
    serializer_class = PipelineSerializer
    input_serializer_classes = {"create": PipelineInput, "partial_update": PipelineChange}
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")

    def usage_target(self, instance: Pipeline) -> Target:
        return pipelines.target_of(instance)

    def perform_create(self, data: dict[str, Any]) -> Pipeline:
        if "stages" in data:
            data["stages"] = [StageDraft(**stage) for stage in data["stages"]]
        return pipelines.create_pipeline(**self.on_behalf(), **data)

    def perform_update(self, pipeline: Pipeline, data: dict[str, Any]) -> Pipeline:
        if "name" not in data:
            return pipeline
        pipelines.rename_pipeline(**self.on_behalf(), pipeline_id=pipeline.id, **data)
        return self.get_object()

    def perform_destroy(self, pipeline: Pipeline) -> None:
        removing.delete_pipeline(**self.on_behalf(), pipeline_id=pipeline.id)


class StageViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Stages of one pipeline, in their order.

    Deleting one that a workflow names or where opportunities are answers 409 `in_use`; the last one stays.
    """

    queryset = Stage.objects.all()
    serializer_class = StageSerializer
    input_serializer_class = StageInput
    input_serializer_classes = {"reorder": StageOrder}
    lookup_url_kwarg = "stage_id"
    parent_queryset = Pipeline.objects.all()
    parent_kwarg = "pipeline_id"
    parent_field = "pipeline"
    search_fields = ("name",)
    ordering_fields = ("position", "name", "created_at")

    def usage_target(self, instance: Stage) -> Target:
        return pipelines.target_of_stage(instance)

    def perform_create(self, data: dict[str, Any]) -> Stage:
        return pipelines.add_stage(**self.on_behalf(), pipeline_id=self.parent.id, **data)

    def perform_update(self, stage: Stage, data: dict[str, Any]) -> Stage:
        pipelines.change_stage(**self.on_behalf(), pipeline_id=self.parent.id, stage_id=stage.id, **data)
        changed: Stage = self.get_object()
        return changed

    def perform_destroy(self, stage: Stage) -> None:
        removing.delete_stage(**self.on_behalf(), pipeline_id=self.parent.id, stage_id=stage.id)

    @extend_schema(request=StageOrder, responses=StageListSerializer)
    @action(detail=False, methods=["post"])
    def reorder(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put stages at positions and answer all of them in their new order."""
        stages = pipelines.reorder_stages(**self.on_behalf(), pipeline_id=self.parent.id, **self.validated())
        return Response({"items": self.get_serializer(stages, many=True).data})
