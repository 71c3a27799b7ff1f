"""Workflows: made, looked at, changed, led through their states."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import django_filters
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import throttling
from accounts.api.filters import check_parameters
from accounts.api.serializers import NoInput
from accounts.api.views import CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.analytics.enrollments import enrollment_counts
from workflows.api.authoring import AuthoringViewSet, tag_of_revision
from workflows.api.usages import UsagesMixin
from workflows.api.workflow_serializers import (
    ActivatedWorkflowSerializer,
    ActivateInput,
    CloneInput,
    ValidationSerializer,
    WorkflowDetailSerializer,
    WorkflowInput,
    WorkflowSerializer,
)
from workflows.authoring import publishing, validation, workflows
from workflows.authoring.chain import list_actions
from workflows.crm.services.usages import Target
from workflows.models import Action, Workflow, WorkflowStatus

ACTIONS_COUNT = Coalesce(
    Subquery(
        Action.objects.filter(workflow=OuterRef("pk"))
        .order_by()
        .values("workflow")
        .annotate(Count("pk"))
        .values("pk__count")
    ),
    0,
)


class WorkflowFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=WorkflowStatus.choices, label="Only those in this status.")

    class Meta:
        model = Workflow
        fields: list[str] = []


class WorkflowViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AuthoringViewSet):
    """Workflows of the account, newest first.

    Deleting one that another workflow or a campaign refers to answers 409 `in_use`.
    """

    queryset = Workflow.objects.present().annotate(actions_count=ACTIONS_COUNT)
    serializer_class = WorkflowDetailSerializer
    input_serializer_class = WorkflowInput
    filterset_class = WorkflowFilter
    search_fields = ("name", "description")
    ordering_fields = ("name", "status", "created_at", "updated_at")

    @extend_schema(responses=WorkflowSerializer)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(WorkflowSerializer(page, many=True, context=self.context_for(page)).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        check_parameters(request, self, is_list=False)
        return self.show(self.get_object())

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.validated()
        with throttling.workflow_creation(self.caller.account):
            workflow = workflows.create_workflow(**self.on_behalf(), **data)
        return self.show(workflow, status.HTTP_201_CREATED)

    def perform_update(self, instance: Workflow, data: dict[str, Any]) -> Workflow:
        changes = cast("workflows.WorkflowChanges", data)
        return workflows.update_workflow(
            **self.on_behalf(), **self.at_revision(), workflow_id=instance.id, changes=changes
        )

    def usage_target(self, instance: Workflow) -> Target:
        return Target("workflow", instance.id)

    def perform_destroy(self, instance: Workflow) -> None:
        workflows.delete_workflow(**self.on_behalf(), **self.at_revision(), workflow_id=instance.id)

    @extend_schema(request=ActivateInput, responses=ActivatedWorkflowSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=ActivateInput)
    def activate(self, request: Request, **kwargs: Any) -> Response:
        """Make a draft active, or a paused workflow again; 400 with every problem at once.

        409 `invalid_transition` unless it is a draft or paused. A new version is made only if something changed.
        """
        activation = publishing.activate_workflow(
            **self.on_behalf(), workflow_id=self.get_object().id, **self.validated()
        )
        return self.show(
            activation.workflow,
            serializer_class=ActivatedWorkflowSerializer,
            contacts_inside=activation.contacts_inside,
        )

    @extend_schema(request=NoInput, responses=WorkflowDetailSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Hold an active workflow: after the answer nobody is enrolled and no step starts.

        409 `invalid_transition` unless it is active.
        """
        return self.lead(publishing.pause_workflow)

    @extend_schema(request=NoInput, responses=WorkflowDetailSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def archive(self, request: Request, **kwargs: Any) -> Response:
        """Put a workflow away; contacts inside are cancelled (`workflow_archived`).

        409 `invalid_transition` if it is archived already.
        """
        return self.lead(publishing.archive_workflow)

    @extend_schema(request=NoInput, responses=WorkflowDetailSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def restore(self, request: Request, **kwargs: Any) -> Response:
        """Make an archived workflow a draft again; 409 `invalid_transition` unless it is archived."""
        return self.lead(publishing.restore_workflow)

    @extend_schema(request=CloneInput, responses={201: WorkflowDetailSerializer})
    @action(detail=True, methods=["post"], input_serializer_class=CloneInput)
    def clone(self, request: Request, **kwargs: Any) -> Response:
        """Copy settings, triggers and actions into a new draft; 409 `name_taken`, `workflow_limit_reached`."""
        source, data = self.get_object(), self.validated()
        with throttling.workflow_creation(self.caller.account):
            copy = workflows.clone_workflow(**self.on_behalf(), **self.at_revision(), workflow_id=source.id, **data)
        return self.show(copy, status.HTTP_201_CREATED)

    @extend_schema(responses=ValidationSerializer)
    @action(detail=True, methods=["get"])
    def validate(self, request: Request, **kwargs: Any) -> Response:
        """Say everything that keeps the workflow from being activated, and what else its author should know."""
        check_parameters(request, self, is_list=False)
        findings = validation.validate_workflow(account_id=self.caller.account_id, workflow_id=self.get_object().id)
        is_valid = not any(finding.severity == validation.Severity.ERROR for finding in findings)
        return Response(ValidationSerializer({"valid": is_valid, "problems": findings}).data)

    def lead(self, change: Callable[..., Workflow]) -> Response:
        """Change the workflow's state by a function of `publishing`."""
        self.validated()
        return self.show(change(**self.on_behalf(), **self.at_revision(), workflow_id=self.get_object().id))

    def answer(self, instance: Workflow, status_code: int = status.HTTP_200_OK) -> Response:
        return self.show(instance, status_code)

    def show(
        self,
        workflow: Workflow,
        status_code: int = status.HTTP_200_OK,
        serializer_class: type[WorkflowSerializer] = WorkflowDetailSerializer,
        **context: Any,
    ) -> Response:
        actions = list_actions(account_id=workflow.account_id, workflow_id=workflow.id)
        workflow.actions_count = len(actions)  # type: ignore[attr-defined]  # what lists annotate
        context = {**self.context_for([workflow]), "actions": actions, **context}
        tag = tag_of_revision(workflow.revision)
        return Response(serializer_class(workflow, context=context).data, status_code, headers={"ETag": tag})

    def present_revision(self) -> int:
        revision: int = self.get_object().revision
        return revision

    def context_for(self, page: Sequence[Workflow]) -> dict[str, Any]:
        ids = [workflow.id for workflow in page]
        counts = enrollment_counts(account_id=self.caller.account_id, workflow_ids=ids)
        return {**self.get_serializer_context(), "enrollment_counts": counts}
