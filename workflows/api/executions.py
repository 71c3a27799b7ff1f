"""Contacts on their way through workflows: enroll, look, cancel, retry, skip a step, move."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import CursorItemsPagination
from accounts.api.serializers import NoInput
from accounts.api.views import AccountViewSet, ListMixin, RetrieveMixin
from workflows.api.execution_filters import ExecutionFilter, LogFilter
from workflows.api.execution_serializers import (
    EnrollmentSerializer,
    ExecutionMove,
    ExecutionSerializer,
    LogSerializer,
)
from workflows.crm.models import Contact
from workflows.engine import clock, operations, steering
from workflows.engine.progress import with_progress
from workflows.models import ActionExecution, Workflow, WorkflowExecution


class ExecutionList(ListMixin, AccountViewSet):
    """Executions, newest first."""

    queryset = WorkflowExecution.objects.all()
    serializer_class = ExecutionSerializer
    pagination_class = CursorItemsPagination
    filterset_class = ExecutionFilter

    def paginate_queryset(self, queryset: Any) -> Any:
        return with_progress(super().paginate_queryset(queryset) or [])


class ExecutionViewSet(RetrieveMixin, ExecutionList):
    """Runs of contacts through workflows, newest first."""

    def get_object(self) -> WorkflowExecution:
        return with_progress([super().get_object()])[0]

    @extend_schema(request=NoInput, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def cancel(self, request: Request, **kwargs: Any) -> Response:
        """End the execution as `cancelled`; one that has ended already answers 409 `invalid_transition`."""
        return self.operate(operations.cancel)

    @extend_schema(request=NoInput, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def retry(self, request: Request, **kwargs: Any) -> Response:
        """Go on from the step that failed, with its count of tries reset.

        Ends a pause for refused credentials in the same way. 409 `invalid_transition` unless it failed or paused so (an
        unknown outcome is settled instead), `already_enrolled` when a newer execution of the contact is inside,
        `workflow_not_active` while its workflow is not active.
        """
        return self.operate(operations.retry)

    @extend_schema(request=NoInput, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"], url_path="skip-step", input_serializer_class=NoInput)
    def skip_step(self, request: Request, **kwargs: Any) -> Response:
        """Leave the step at which it stands behind, logged as `skipped`, and go on with the next.

        409 `invalid_transition` when it was completed or cancelled, else as for a retry.
        """
        return self.operate(steering.skip_step)

    @extend_schema(request=ExecutionMove, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=ExecutionMove)
    def move(self, request: Request, **kwargs: Any) -> Response:
        """Go on at another step of its version.

        400 `action_not_found` when its version has no such step; 409 as for skipping.
        """
        return self.operate(steering.move)

    def operate(self, operation: Callable[..., WorkflowExecution]) -> Response:
        execution_id = self.find(self.queryset.all(), self.kwargs["id"]).id
        data = self.validated()
        execution = operation(**self.on_behalf(), execution_id=execution_id, now=clock.now(), **data)
        return self.answer(with_progress([execution])[0])


class WorkflowExecutionViewSet(ExecutionList):
    """Runs of one workflow, newest first."""

    parent_queryset = Workflow.objects.present()
    parent_kwarg = "workflow_id"
    parent_field = "workflow"


class ContactExecutionViewSet(ExecutionList):
    """Runs of one contact, newest first."""

    parent_queryset = Contact.objects.present()
    parent_kwarg = "contact_id"
    parent_field = "contact"


class LogViewSet(ListMixin, AccountViewSet):
    """What the steps of one execution did, in the order in which it came to them."""

    queryset = ActionExecution.objects.all()
    serializer_class = LogSerializer
    pagination_class = CursorItemsPagination
    cursor_ordering = "id"
    filterset_class = LogFilter
    parent_queryset = WorkflowExecution.objects.all()
    parent_kwarg = "execution_id"
    parent_field = "workflow_execution"


class EnrollmentViewSet(AccountViewSet):
    """Enrolling by hand."""

    queryset = WorkflowExecution.objects.all()
    serializer_class = ExecutionSerializer
    input_serializer_class = EnrollmentSerializer
    parent_queryset = Workflow.objects.present()
    parent_kwarg = "workflow_id"
    parent_field = "workflow"

    @extend_schema(request=EnrollmentSerializer, responses={201: ExecutionSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Enroll a contact in an active workflow.

        409 `workflow_not_active`, `already_enrolled` (see the workflow's re-entry setting) or `contact_opted_out`.
        """
        data = self.validated()
        execution = operations.enroll_by_hand(
            **self.on_behalf(),
            workflow_id=self.parent.id,
            contact_id=data["contact_id"].id,
            source="api",
            data=data["data"],
            now=clock.now(),
        )
        return self.answer(with_progress([execution])[0], status.HTTP_201_CREATED)
