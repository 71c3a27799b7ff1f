"""Credentials of programs; a key is shown once, its digest never."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.operations import Operation
from accounts.admin.staff import Acting
from accounts.models import ApiKey, Role
from accounts.services.api_keys import create_api_key, revoke_api_key


def revoke(acting: Acting, row: ApiKey, data: dict[str, Any]) -> None:
    revoke_api_key(**acting.on_behalf(), api_key_id=row.id)


@admin.register(ApiKey)
class ApiKeyAdmin(AccountScopedAdmin):
    """Keys, recognised by their first characters."""

    read_role = write_role = Role.ADMIN
    list_display = ("prefix", "name", "account", "user", "role", "state", "last_used_at", "expires_at")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("account", "user")
    search_fields = ("prefix", "name")
    linked_by = ("user",)
    operations = (
        Operation(
            name="revoke",
            label="Revoke",
            done="Revoked",
            icon="key_off",
            role=Role.ADMIN,
            carry_out=revoke,
            question="Programs that use this key are refused from now on. This cannot be undone.",
            is_offered=lambda row: row.revoked_at is None,
            is_bulk=True,
            is_dangerous=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("name", "role", "expires_at")
        return ("name", "role", "account", "user", "prefix", "expires_at", "revoked_at", "last_used_at", "created_at")

    @admin.display(description="state")
    def state(self, row: ApiKey) -> str:
        if row.revoked_at is not None:
            return "revoked"
        return "expired" if row.expires_at is not None and row.expires_at <= timezone.now() else "in force"

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> ApiKey:
        role = Role(data.pop("role"))
        row, key = create_api_key(
            **acting.on_behalf(), actor_role=acting.role, user_id=acting.user.id, role=role, **data
        )
        row.plain_key = key  # type: ignore[attr-defined]  # for the one page that shows it
        return row

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Show the key: nobody can read it again."""
        context = self.admin_site.each_context(request) | {
            "title": "Your new API key",
            "key": obj.plain_key,
            "row": obj,
            "opts": self.opts,
        }
        response = TemplateResponse(request, "admin/new_api_key.html", context)
        response["Cache-Control"] = "no-store"
        return response
