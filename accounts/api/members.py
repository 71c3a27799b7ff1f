"""`/members`: who is in the account."""

from typing import Any

import django_filters
from rest_framework import serializers

from accounts.api.filters import BooleanFilter
from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from accounts.models import Membership, Role
from accounts.services import members

PHONE_HELP = (
    "Number that the account may text and call them at; kept as E.164, one without a prefix is read as one of the "
    "account's `default_country`. Empty: none."
)


class MemberSerializer(StrictModelSerializer):
    """A user's place in the account."""

    email = serializers.EmailField(source="user.email", help_text="Address the member signs in with.")
    name = serializers.CharField(source="user.name", help_text="Full name.")

    class Meta:
        model = Membership
        fields = ("id", "user_id", "email", "name", "phone", "role", "is_active", "created_at", "updated_at")
        read_only_fields = fields


class MemberInput(StrictSerializer):
    """A member to add."""

    example = {"email": "ada@example.com", "role": "editor", "phone": "+14155550123"}

    email = serializers.EmailField(max_length=254, help_text="Address of a user; created when not known yet.")
    role = serializers.ChoiceField(choices=Role.choices, help_text="What they may do; at most your own role.")
    name = serializers.CharField(
        max_length=120, required=False, allow_blank=True, help_text="Full name of a new user, ≤ 120 characters."
    )
    phone = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text=PHONE_HELP)


class MemberChange(StrictSerializer):
    """What can be changed of a member."""

    example = {"role": "viewer"}

    role = serializers.ChoiceField(
        choices=Role.choices, required=False, help_text="What they may do; at most your own role."
    )
    is_active = serializers.BooleanField(required=False, help_text="false: no access and no new assignments.")
    phone = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text=PHONE_HELP)


class MemberFilter(django_filters.FilterSet):
    role = django_filters.ChoiceFilter(choices=Role.choices)
    is_active = BooleanFilter()

    class Meta:
        model = Membership
        fields = ()


class MemberViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Members of the account. Deleting one shuts them out and keeps what they made."""

    queryset = Membership.objects.select_related("user")
    serializer_class = MemberSerializer
    input_serializer_classes = {"create": MemberInput, "partial_update": MemberChange}
    write_role = Role.ADMIN
    filterset_class = MemberFilter
    search_fields = ("user__email", "user__name")
    ordering_fields = ("created_at", "role")

    def perform_create(self, data: dict[str, Any]) -> Membership:
        role = Role(data.pop("role"))
        return members.add_member(**self.on_behalf(), actor_role=self.caller.role, role=role, **data)

    def perform_update(self, membership: Membership, data: dict[str, Any]) -> Membership:
        role = Role(data["role"]) if "role" in data else None
        return members.change_member(
            **self.on_behalf(),
            actor_role=self.caller.role,
            membership_id=membership.id,
            role=role,
            is_active=data.get("is_active"),
            phone=data.get("phone"),
        )

    def perform_destroy(self, membership: Membership) -> None:
        members.remove_member(**self.on_behalf(), actor_role=self.caller.role, membership_id=membership.id)
