"""Where requests come in: they start without a scope, and the admin's pages get that of the person signed in."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import Membership, User
from accounts.tenancy import accounts_scope, no_scope, system_scope

ADMIN = "/admin/"


class TenancyMiddleware:
    """Lets a request see nothing until its account is known.

    API and public addresses find out themselves. In the admin, superusers work on all accounts, everybody else on
    those they are an active member of.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with no_scope():
            if not request.path_info.startswith(ADMIN):
                return self.get_response(request)
            user = request.user
            if isinstance(user, User) and user.is_active and user.is_superuser:
                with system_scope("superusers look after all accounts"):
                    return self.get_response(request)
            with accounts_scope(accounts_of(user) if isinstance(user, User) else []):
                return self.get_response(request)


def accounts_of(user: User) -> list[UUID]:
    """Return the ids of the accounts that a person is an active member of."""
    with system_scope("which accounts a person may see is known once the memberships are found"):
        return list(Membership.objects.filter(user=user, is_active=True).values_list("account_id", flat=True))
