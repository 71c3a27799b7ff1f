"""The login page itself, and what a form says whose time is over."""

from typing import Any

from allauth.account.views import LoginView
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts.login.second_factor import may_open_admin


class StaffLoginView(LoginView):
    """The login of the admin. Whoever is signed in and may not open the admin is asked for another login."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if may_open_admin(request.user):
            return HttpResponseRedirect(self.get_success_url() or settings.LOGIN_REDIRECT_URL)
        return super().dispatch(request, *args, **kwargs)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form without its token, e.g. from a page that was open for long."""
    return render(request, "account/expired.html", status=403)
