"""Which role a request needs."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.api.authentication import Caller
from accounts.models import Role


class RolePermission(BasePermission):
    """Lets a caller in whose role includes the one that the view asks for.

    A view says so by `read_role` (default viewer), `write_role` (default editor) and, for single actions,
    `action_roles = {"destroy": Role.ADMIN}`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Caller):
            return False
        required = required_role(request, view)
        if not request.auth.role.includes(required):
            raise PermissionDenied(f"This needs the role {required.value}; yours is {request.auth.role.value}.")
        return True


def required_role(request: Request, view: Any) -> Role:
    """Return the least role that may make this request."""
    action_roles: dict[str, Role] = getattr(view, "action_roles", {})
    action = getattr(view, "action", None)
    if action in action_roles:
        return action_roles[action]
    if request.method in SAFE_METHODS:
        return getattr(view, "read_role", Role.VIEWER)
    return getattr(view, "write_role", Role.EDITOR)
