"""The actions of a workflow, as a list in order."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.etags import tag_of
from accounts.api.filters import check_parameters
from accounts.api.identifiers import parse_uuid
from accounts.api.pagination import DEFAULT_LIMIT, ItemsPagination
from accounts.api.serializers import NoInput
from accounts.problems import Invalid, Missing, Problem
from workflows.api.action_filters import FILTER_PARAMETERS, FILTERS, narrowed
from workflows.api.action_serializers import (
    ActionMove,
    ActionReorder,
    ActionSerializer,
    ActionUpdate,
    NewAction,
    Trial,
    TrialResultSerializer,
    WholeList,
)
from workflows.api.authoring import PartViewSet, tag_of_revision
from workflows.authoring import chain
from workflows.authoring.action_fields import ActionChanges
from workflows.authoring.ordering import PlacedAction
from workflows.engine import clock
from workflows.engine.perform.trial import try_step
from workflows.models import Action, Workflow


class ActionPagination(ItemsPagination):
    """A page that says whose actions these are."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.workflow_id = view.parent.id
        return list(super().paginate_queryset(queryset, request, view))

    def get_paginated_response(self, data: Any, **extra: Any) -> Response:
        return super().get_paginated_response(data, workflow_id=self.workflow_id, **extra)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"].append("workflow_id")
        page["properties"]["workflow_id"] = {"type": "string", "format": "uuid"}
        return page


class ActionViewSet(PartViewSet):
    """Actions of a workflow, in list order."""

    queryset = Action.objects.all()
    serializer_class = ActionSerializer
    input_serializer_classes = {"create": NewAction, "update": ActionUpdate, "partial_update": ActionUpdate}
    filter_backends = ()
    pagination_class = ActionPagination
    extra_query_parameters = FILTERS

    @extend_schema(parameters=FILTER_PARAMETERS)
    def list(self, request: Request, **kwargs: Any) -> Response:
        check_parameters(request, self)
        page = self.paginate_queryset(narrowed(self.items(), request.query_params))
        response = self.get_paginated_response(self.get_serializer(page, many=True).data)
        response["ETag"] = tag_of_revision(self.parent.revision)
        return response

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        check_parameters(request, self, is_list=False)
        return self.answer(self.get_object())

    @extend_schema(responses={201: ActionSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add an action at `position` and/or behind `previous_action_id`; without either, at the end.

        409 `workflow_must_be_in_draft`, `action_position_conflict`, `maximum_actions_exceeded`, `name_taken` (key).
        """
        return self.answer(chain.add_action(**self.on_behalf(), **self.validated()), status.HTTP_201_CREATED)

    def update(self, request: Request, **kwargs: Any) -> Response:
        """Change what is sent; like PATCH, since every field may be left out."""
        return self.change()

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change what is sent; `action_config` replaces the whole config.

        409 `workflow_must_be_in_draft`, `name_taken` (key), `in_use` (templates use the old key).
        """
        return self.change()

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove an action; its neighbours are linked to each other."""
        chain.remove_action(**self.on_behalf(), action_id=self.action_id())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ActionReorder, responses=WholeList)
    @action(detail=False, methods=["post"], input_serializer_class=ActionReorder, pagination_class=None)
    def reorder(self, request: Request, **kwargs: Any) -> Response:
        """Put the named actions at the named positions; the others keep their order around them."""
        data = self.validated()
        data["action_positions"] = by_id(data["action_positions"])
        with transaction.atomic():
            items = chain.reorder_actions(**self.on_behalf(), **data)
            revision = Workflow.objects.for_account(self.caller.account_id).get(id=self.parent.id).revision
        whole_list = {"items": items, "total": len(items), "workflow_id": self.parent.id, "limit": DEFAULT_LIMIT}
        headers = {"ETag": tag_of_revision(revision)}
        return Response(WholeList({**whole_list, "offset": 0, "has_more": False}).data, headers=headers)

    @extend_schema(request=NoInput, responses={201: ActionSerializer})
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def duplicate(self, request: Request, **kwargs: Any) -> Response:
        """Put a copy right behind the action; its key is made from its type."""
        action_id = self.action_id()
        self.validated()
        copy = chain.duplicate_action(**self.on_behalf(), action_id=action_id)
        return self.answer(copy, status.HTTP_201_CREATED)

    @extend_schema(request=ActionMove, responses=ActionSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=ActionMove)
    def move(self, request: Request, **kwargs: Any) -> Response:
        """Move the action to a position of a list."""
        return self.answer(chain.move_action(**self.on_behalf(), action_id=self.action_id(), **self.validated()))

    @extend_schema(request=Trial, responses=TrialResultSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=Trial)
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Run this one step for real, as it is configured now, and show the answer; nothing is recorded.

        409 `not_testable` for a type that has no effect outside.
        """
        action_id = self.action_id()
        result = try_step(
            account_id=self.caller.account_id,
            workflow_id=self.parent.id,
            action_id=action_id,
            contact_id=self.validated()["contact_id"].id,
            now=clock.now(),
        )
        return Response(TrialResultSerializer(result).data)

    def get_object(self) -> PlacedAction:
        wanted_id = self.action_id()
        item = next((item for item in self.items() if item.action.id == wanted_id), None)
        if item is None:
            raise Missing
        return item

    def lock(self, instance: PlacedAction) -> None:
        super().lock(instance.action)

    def etag(self, instance: PlacedAction, data: Mapping[str, Any]) -> str:
        """Return the tag of the action itself, whatever its place: the workflow's covers the order."""
        return tag_of([instance.action.id, *chain.own_values(instance.action)])

    def items(self) -> Sequence[PlacedAction]:
        return chain.list_actions(account_id=self.caller.account_id, workflow_id=self.parent.id)

    def action_id(self) -> UUID:
        """Return the id in the path; an action that is not of this workflow is missing, whatever the body says."""
        identifier: UUID = super().get_object().id
        return identifier

    def change(self) -> Response:
        changes = cast("ActionChanges", self.validated())
        return self.answer(chain.update_action(**self.on_behalf(), action_id=self.action_id(), changes=changes))


def by_id(positions: Mapping[str, int]) -> dict[UUID, int]:
    """Return positions by parsed id; an id that is none, or stands there in two spellings, is refused."""
    parsed: dict[UUID, int] = {}
    problems = []
    for text, position in positions.items():
        action_id = parse_uuid(text)
        attr = f"action_positions.{text[:100]}"
        if action_id is None:
            problems.append(Problem("action_not_found", "Name actions by their UUID.", attr))
        elif action_id in parsed:
            problems.append(Problem("unique", "The action is named twice.", attr))
        else:
            parsed[action_id] = position
    if problems:
        raise Invalid(*problems)
    return parsed
