"""`GET /<things>/{id}/usages`: the workflows that refer to an object."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import check_parameters
from accounts.api.pagination import ItemsPagination
from workflows.authoring.usages import NamedUsage, usages_of, with_workflows
from workflows.crm.services.usages import Holder, Target, holders_of


class UsageSerializer(serializers.Serializer[NamedUsage]):
    """One place of a workflow that refers to the object."""

    workflow_id = serializers.UUIDField(source="usage.workflow_id", help_text="The workflow.")
    workflow_name = serializers.CharField(source="workflow.name", help_text="Its name.")
    workflow_status = serializers.CharField(source="workflow.status", help_text="`draft`, `active`, `paused`, …")
    workflow_version = serializers.IntegerField(
        source="usage.version",
        allow_null=True,
        help_text="The version that contacts inside still run; null: the workflow as it is edited now.",
    )
    action_id = serializers.UUIDField(source="usage.action_id", allow_null=True, help_text="Null: a trigger refers.")
    action_key = serializers.CharField(source="usage.key", help_text="The action's key; empty: a trigger.")
    action_type = serializers.SerializerMethodField(help_text="The action's type; null: a trigger.")
    trigger_id = serializers.UUIDField(source="usage.trigger_id", allow_null=True, help_text="Null: an action refers.")
    trigger_type = serializers.SerializerMethodField(help_text="The trigger's type; null: an action.")
    attr = serializers.CharField(source="usage.path", help_text="Where, e.g. `action_config.template_id`.")

    def get_action_type(self, named: NamedUsage) -> str | None:
        return named.usage.part_type if named.usage.action_id else None

    def get_trigger_type(self, named: NamedUsage) -> str | None:
        return named.usage.part_type if named.usage.trigger_id else None


class HolderSerializer(serializers.Serializer[Holder]):
    """A record that refers to the object."""

    kind = serializers.CharField(help_text="`course` or `campaign`.")
    id = serializers.UUIDField(help_text="Its id.")
    name = serializers.CharField(help_text="Its name.")
    attr = serializers.CharField(source="field", help_text="The field by which it refers.")


class UsagesPagination(ItemsPagination):
    """A page of places, and all records that refer to the object besides."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"].append("records")
        page["properties"]["records"] = {
            "type": "array",
            "description": "Courses (of a template) and campaigns (of a workflow) that refer to it, on every page.",
            "items": {
                "type": "object",
                "required": ["kind", "id", "name", "attr"],
                "properties": {
                    "kind": {"type": "string", "enum": ["campaign", "course"]},
                    "id": {"type": "string", "format": "uuid"},
                    "name": {"type": "string"},
                    "attr": {"type": "string", "description": "The field by which it refers."},
                },
            },
        }
        return page


class UsagesMixin:
    """Adds `GET {id}/usages`; the subclass says by `usage_target` how workflows refer to the object.

    An object that they also refer to by parts of it, as to a connection by its numbers, has several `usage_targets`.
    """

    def usage_target(self, instance: Any) -> Target:
        raise NotImplementedError

    def usage_targets(self, instance: Any) -> Sequence[Target]:
        return [self.usage_target(instance)]

    @extend_schema(responses=UsageSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=UsagesPagination)
    def usages(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the places of workflows that refer to it: actions, triggers, and steps that contacts inside still run.

        `records` are the courses and campaigns that do. While there is one, deleting it answers 409 `in_use`.
        """
        check_parameters(request, SimpleNamespace(paginator=self.paginator))
        account_id = self.caller.account_id
        targets = self.usage_targets(self.get_object())
        rows = usages_of(account_id=account_id, targets=targets)
        page = with_workflows(account_id=account_id, rows=self.paginate_queryset(rows))
        holders = [holder for target in targets for holder in holders_of(account_id=account_id, target=target)]
        records = [HolderSerializer(holder).data for holder in holders]
        items = [UsageSerializer(usage).data for usage in page]
        return self.paginator.get_paginated_response(items, records=records)
