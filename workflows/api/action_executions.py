"""What steps did, across executions, and settling those whose outcome nobody knows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import CursorItemsPagination
from accounts.api.views import AccountViewSet, ListMixin, RetrieveMixin
from accounts.problems import Conflict
from workflows.api.execution_filters import ActionExecutionFilter
from workflows.api.execution_serializers import BulkSettling, LogSerializer, Settling, SettlingVerdicts
from workflows.engine import clock
from workflows.engine.perform.settling import Settled, settle_many
from workflows.models import ActionExecution


class ActionExecutionViewSet(ListMixin, RetrieveMixin, AccountViewSet):
    """What steps did, newest first."""

    queryset = ActionExecution.objects.all()
    serializer_class = LogSerializer
    pagination_class = CursorItemsPagination
    filterset_class = ActionExecutionFilter

    @extend_schema(request=Settling, responses=LogSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=Settling)
    def settle(self, request: Request, **kwargs: Any) -> Response:
        """Say what became of a step whose outcome is unknown.

        409 `invalid_transition` when its outcome is known, or when somebody settled it before.
        """
        row = self.get_object()
        outcome = self.validated()["outcome"]
        if not self.settled([row.id], outcome).settled:
            raise Conflict("invalid_transition", "Only a step whose outcome is unknown can be settled, and only once.")
        return self.answer(self.get_object())

    @extend_schema(operation_id="action_executions_settle_many", request=BulkSettling, responses=SettlingVerdicts)
    @action(detail=False, methods=["post"], url_path="settle", input_serializer_class=BulkSettling)
    def settle_many(self, request: Request, **kwargs: Any) -> Response:
        """Say the same of up to 1 000 steps; each id gets its verdict."""
        data = self.validated()
        ids = list(dict.fromkeys(data["ids"]))
        answer = self.settled(ids, data["outcome"])
        verdicts = (
            dict.fromkeys(answer.settled, "settled")
            | dict.fromkeys(answer.not_unknown, "not_unknown")
            | dict.fromkeys(answer.missing, "not_found")
        )
        items = [{"id": log_id, "verdict": verdicts[log_id]} for log_id in ids]
        return Response(SettlingVerdicts({"items": items, "settled": len(answer.settled)}).data)

    def settled(self, log_ids: Sequence[UUID], outcome: str) -> Settled:
        return settle_many(**self.on_behalf(), log_ids=log_ids, outcome=outcome, now=clock.now())
