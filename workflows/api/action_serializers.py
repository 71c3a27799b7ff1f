"""How actions look from outside."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import AccountRelatedField, StrictSerializer
from workflows.actions.base import Category
from workflows.actions.registry import registry
from workflows.api.config_schema import ActionConfigField, RetryRuleField
from workflows.authoring.ordering import PlacedAction
from workflows.crm.models import Contact
from workflows.models import OnError

PLACE: dict[str, Any] = {"min_value": 0, "error_messages": {"min_value": "Positions start at 0."}}


class ActionFields(StrictSerializer):
    """What may be set of an action at any time."""

    key = serializers.CharField(
        required=False,
        trim_whitespace=False,
        max_length=50,
        help_text="Stable name, unique in the workflow, used as `steps.<key>`.",
    )
    name = serializers.CharField(
        required=False, allow_blank=True, max_length=120, help_text="Label, ≤ 120 characters; empty: the type's."
    )
    is_enabled = serializers.BooleanField(required=False, help_text="False: contacts pass straight through.")
    position = serializers.IntegerField(required=False, **PLACE, help_text="0-based place in its list.")
    on_error = serializers.ChoiceField(
        choices=OnError.choices, required=False, help_text="`stop` (default): the execution fails; `continue`: goes on."
    )
    retry = RetryRuleField(
        required=False,
        allow_null=True,
        help_text="Own retry rule of a step with an effect outside; null or {}: that of its type or error class.",
    )


class NewAction(ActionFields):
    """The body that adds an action; without `position` and `previous_action_id` it goes to the end."""

    example = {"action_type": "add_tag", "action_config": {"tag_name": "VIP"}}

    action_type = serializers.CharField(max_length=40, help_text="Slug of a type; see `/action-types`.")
    action_config = ActionConfigField(help_text="The type's config; see `/action-types/{slug}`.")
    key = serializers.CharField(
        required=False,
        allow_null=True,
        trim_whitespace=False,
        max_length=50,
        help_text="Stable name `[a-z0-9_]{1,50}`, unique in the workflow; default: made from the type.",
    )
    position = serializers.IntegerField(
        required=False, allow_null=True, **PLACE, help_text="0-based place in its list."
    )
    previous_action_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The action to go behind; must agree with `position`.",
    )
    branch_id = serializers.UUIDField(required=False, allow_null=True, help_text="The branch; null: the main list.")


class ActionUpdate(ActionFields):
    """The body that changes an action; what is left out stays as it is."""

    example = {"name": "Mark as VIP", "on_error": "continue"}

    action_config = ActionConfigField(required=False, help_text="Replaces the whole config.")


class ActionMove(StrictSerializer):
    example = {"position": 0}

    position = serializers.IntegerField(**PLACE, help_text="0-based place in the target list.")
    branch_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The target list; null or left out: the main list."
    )


class ActionReorder(StrictSerializer):
    """Who stands where; the actions that are not named keep their relative order around the named ones."""

    example = {"action_positions": {"019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21": 0}}

    action_positions = serializers.DictField(
        child=serializers.IntegerField(), allow_empty=False, help_text="0-based position by action id; at least one."
    )
    branch_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The list to reorder; null or left out: the main list."
    )


class BranchSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()


class ActionSerializer(serializers.Serializer[PlacedAction]):
    """A step of a workflow."""

    id = serializers.UUIDField(source="action.id")
    key = serializers.CharField(source="action.key", help_text="Stable name, used as `steps.<key>`.")
    workflow_id = serializers.UUIDField(source="action.workflow_id")
    action_type = serializers.CharField(source="action.action_type", help_text="Slug of its type.")
    category = serializers.SerializerMethodField(help_text="Category of its type.")
    action_config = serializers.SerializerMethodField(help_text="As it was accepted; without what is secret.")
    name = serializers.SerializerMethodField(help_text="Its label; the type's where none was given.")
    summary = serializers.SerializerMethodField(help_text="One line about what it does.")
    position = serializers.IntegerField(help_text="0-based place in its list.")
    previous_action_id = serializers.UUIDField(
        source="action.previous_action_id", allow_null=True, help_text="The action before it; null: first of its list."
    )
    next_action_id = serializers.UUIDField(allow_null=True, help_text="The action behind it; null: last of its list.")
    branch_id = serializers.UUIDField(
        source="action.branch_id", allow_null=True, help_text="The branch it is in; null: the main list."
    )
    branches = serializers.SerializerMethodField(help_text="The branches it opens.")
    is_enabled = serializers.BooleanField(source="action.is_enabled", help_text="False: contacts pass through.")
    on_error = serializers.ChoiceField(source="action.on_error", choices=OnError.choices)
    retry = RetryRuleField(
        source="action.retry", allow_null=True, help_text="Its own retry rule; null: that of its type or error class."
    )
    created_at = serializers.DateTimeField(source="action.created_at")
    updated_at = serializers.DateTimeField(source="action.updated_at")
    created_by = serializers.UUIDField(source="action.created_by_id", allow_null=True, help_text="Who added it.")
    updated_by = serializers.UUIDField(source="action.updated_by_id", allow_null=True, help_text="Who changed it last.")

    @extend_schema_field(ActionConfigField)
    def get_action_config(self, item: PlacedAction) -> dict[str, Any]:
        slug, config = item.action.action_type, item.action.action_config
        return registry.get(slug).shown_config(config) if slug in registry else dict(config)

    def get_category(self, item: PlacedAction) -> Category | None:
        slug = item.action.action_type
        return registry.get(slug).category if slug in registry else None

    def get_name(self, item: PlacedAction) -> str:
        slug = item.action.action_type
        return item.action.name or (registry.get(slug).label if slug in registry else slug)

    def get_summary(self, item: PlacedAction) -> str:
        slug = item.action.action_type
        return registry.get(slug).summary(item.action.action_config) if slug in registry else ""

    @extend_schema_field(BranchSerializer(many=True))
    def get_branches(self, item: PlacedAction) -> list[dict[str, Any]]:
        return []


class Trial(StrictSerializer):
    """A contact to try a step with."""

    example = {"contact_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"}

    contact_id = AccountRelatedField(
        queryset_for=lambda account_id: Contact.objects.for_account(account_id).present(),
        code="contact_not_found",
        help_text="A contact of the account.",
    )


class TrialResultSerializer(serializers.Serializer[Any]):
    """How a step went that was tried."""

    status = serializers.CharField(
        help_text="`completed`, `failed`, `skipped`, `scheduled` (held back) or `waiting` (for a callback)."
    )
    result_data = serializers.DictField(source="result", help_text="What the step reports; a webhook's answer.")
    execution_data = serializers.DictField(source="data", help_text="The rendered input, without secrets.")
    error_class = serializers.CharField(help_text="Why it failed, else empty.")
    error_message = serializers.CharField(help_text="What went wrong, else empty.")
    scheduled_at = serializers.DateTimeField(allow_null=True, help_text="Until when it would be held back.")
    duration_ms = serializers.IntegerField(help_text="How long the call took; 0 when none was made.")


class WholeList(serializers.Serializer[Any]):
    """All actions of one list, in the shape of a page."""

    items = ActionSerializer(many=True)
    total = serializers.IntegerField()
    workflow_id = serializers.UUIDField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    has_more = serializers.BooleanField()
