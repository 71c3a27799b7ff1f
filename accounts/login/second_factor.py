"""Who may open the admin, who must have a second factor, and keeping those out who have none."""

from collections.abc import Callable

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.api.errors import error_body
from accounts.models import User

STAFF, SUPERUSERS, NOBODY = "staff", "superusers", "nobody"
CHOICES = (NOBODY, SUPERUSERS, STAFF)
"""What REQUIRE_MFA may be."""
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
OPEN_PATHS = ("/account/", "/admin/login/", "/admin/logout/", "/static/")
SET_UP_FIRST = "Set up an authenticator app or a security key first: your installation asks for a second factor."


def may_open_admin(user: User | AnonymousUser) -> bool:
    return bool(user.is_active and user.is_staff)


def must_have_second_factor(user: User | AnonymousUser) -> bool:
    """Tell whether REQUIRE_MFA concerns this user."""
    if settings.REQUIRE_MFA == STAFF:
        return user.is_staff or user.is_superuser
    return settings.REQUIRE_MFA == SUPERUSERS and user.is_superuser


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type__in=FACTORS).exists()


class SecondFactorMiddleware:
    """Leads people who must have a second factor and have none to where they set it up.

    Only sessions are concerned: an API key is no login. Whoever has a factor was asked for it at the login.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.REQUIRE_MFA == NOBODY or request.path_info.startswith(OPEN_PATHS):
            return self.get_response(request)
        user = request.user
        if not isinstance(user, User) or not must_have_second_factor(user) or has_second_factor(user):
            return self.get_response(request)
        if request.path_info.startswith("/api/"):
            if request.headers.get("Authorization"):  # an empty one does not keep the API from using the session
                return self.get_response(request)
            body = error_body("client_error", "permission_denied", SET_UP_FIRST)
            return JsonResponse(body, status=403)
        messages.warning(request, SET_UP_FIRST)
        return HttpResponseRedirect(reverse("mfa_index"))
