"""Who is in which account, and as what."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.staff import Acting
from accounts.models import Membership, Role
from accounts.services.members import add_member
from workflows.authoring.removing import change_member


class NewMemberForm(StaffForm):
    """A member to add, by address."""

    email = forms.EmailField(
        max_length=254,
        widget=UnfoldAdminEmailInputWidget,
        help_text="Address that they sign in with; a user is made when there is none yet.",
    )
    name = forms.CharField(
        max_length=120, required=False, widget=UnfoldAdminTextInputWidget, help_text="Full name of a new user."
    )

    class Meta:
        model = Membership
        fields = ("email", "name", "phone", "role")


@admin.register(Membership)
class MembershipAdmin(AccountScopedAdmin):
    """Members and their roles; nobody gives or takes a role above their own. Deleting one shuts them out.

    Everybody changes their own phone.
    """

    write_role = Role.ADMIN
    list_display = ("user", "email", "phone", "account", "rank", "is_active", "created_at")
    list_filter = ("role", "is_active")
    list_select_related = ("user", "account")
    search_fields = ("user__email", "user__name", "phone")
    search_ids = ("id", "user_id")
    linked_by = ("user",)
    readonly_fields = ("user", "account", "email", "created_at", "updated_at")
    readonly_to_themselves = (*readonly_fields, "role", "is_active")
    fields = ("user", "email", "account", "phone", "role", "is_active", "created_at", "updated_at")

    @admin.display(ordering="user__email")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    @admin.display(description="role", ordering="role")
    def rank(self, membership: Membership) -> str:
        return membership.role.capitalize()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs |= {"form": NewMemberForm}
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return NewMemberForm.Meta.fields if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ()
        return self.readonly_fields if super().has_change_permission(request, obj) else self.readonly_to_themselves

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_own = isinstance(obj, Membership) and obj.user_id == request.user.pk
        return is_own or super().has_change_permission(request, obj)

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Membership:
        role = Role(data.pop("role"))
        return add_member(**acting.on_behalf(), actor_role=acting.role, role=role, **data)

    def perform_change(self, acting: Acting, row: Membership, data: dict[str, Any]) -> Membership:
        if "role" in data:
            data["role"] = Role(data["role"])
        return change_member(**acting.on_behalf(), actor_role=acting.role, membership_id=row.id, **data)

    def perform_delete(self, acting: Acting, row: Membership) -> None:
        change_member(**acting.on_behalf(), actor_role=acting.role, membership_id=row.id, is_active=False)
