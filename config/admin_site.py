"""The admin site: staff pick the account they work in, and no input makes it stumble."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage
from django.db import DataError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from accounts.api.errors import is_contention
from accounts.api.identifiers import parse_uuid
from accounts.models import Role

NO_TEXT = re.compile("[\x00\ud800-\udfff]")
MOST_ACCOUNTS = 30
"""So many are in the menu; the list of accounts has them all."""
MAXIMUM_REPEATS = 3
"""Of a change that lost to a concurrent transaction: its own was rolled back as a whole."""


class StaffSite(UnfoldAdminSite):
    """Pages of staff; rows, roles and services are the business of each page's `AccountScopedAdmin`."""

    def get_urls(self) -> list[Any]:
        return [path("account/", self.admin_view(self.choose_account), name="choose_account"), *super().get_urls()]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return super().admin_view(guarded(view), cacheable)

    def choose_account(self, request: HttpRequest) -> HttpResponse:
        """Work in one of one's accounts from now on, or with an empty `account` in all of them."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        from accounts.admin.staff import CHOSEN, staff_of  # noqa: PLC0415 - pages register when the site is there

        wanted = request.POST.get("account", "")
        account_id = parse_uuid(wanted)
        if wanted and not (account_id and staff_of(request).accounts().filter(pk=account_id).exists()):
            raise Http404
        request.session[CHOSEN] = wanted
        target = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
        return HttpResponseRedirect(target if is_ours else reverse("admin:index"))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().search(request, extra_context)
        except (InvalidPage, ValueError) as error:
            raise BadRequest("There is no such page.") from error

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the accounts to pick from; nothing to pick for members of one."""
        context = super().each_context(request)
        if self.has_permission(request):
            context["account_menu"] = account_menu(request)
        return context


def account_menu(request: HttpRequest) -> dict[str, Any]:
    """Return the name of the account at work, and those to pick from if there are several."""
    from accounts.admin.staff import staff_of  # noqa: PLC0415 - pages register when the site is there

    staff = staff_of(request)
    own, chosen = staff.accounts(Role.VIEWER), staff.chosen
    accounts = list(own.values_list("pk", "name")[: MOST_ACCOUNTS + 1])
    name = accounts[0][1] if len(accounts) == 1 else "All accounts" if accounts else "No account"
    if chosen is not None:
        name = dict(accounts).get(chosen) or own.values_list("name", flat=True).get(pk=chosen)
    return {
        "chosen": chosen,
        "name": name,
        "accounts": accounts[:MOST_ACCOUNTS] if len(accounts) > 1 else [],
        "has_more": len(accounts) > MOST_ACCOUNTS,
    }


def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer 400 to text that no database stores, and repeat a change that lost to a concurrent one."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refuse_unstorable(request)
        log_chosen_account(request)
        repeats = 0
        while True:
            try:
                return view(request, *args, **kwargs)
            except OperationalError as error:
                if not is_contention(error) or repeats == MAXIMUM_REPEATS or request.FILES:
                    raise
                repeats += 1
            except DataError as error:
                raise BadRequest("A value is out of range or cannot be stored.") from error

    return inner


def log_chosen_account(request: HttpRequest) -> None:
    """Let log lines name the account at work; pages of an object name the object's."""
    from accounts.admin.staff import log_account, staff_of  # noqa: PLC0415 - pages register when the site is there

    chosen = staff_of(request).chosen
    if chosen is not None:
        log_account(chosen)


def refuse_unstorable(request: HttpRequest) -> None:
    """Refuse NUL and halves of surrogate pairs, which some character sets of a request smuggle in."""
    sent: list[QueryDict] = [request.GET]
    if request.method == "POST":
        sent.append(request.POST)
    for values in sent:
        for name, texts in values.lists():
            if any(isinstance(text, str) and NO_TEXT.search(text) for text in [name, *texts]):
                raise BadRequest("The request holds characters that are no text.")
    if NO_TEXT.search(request.path):
        raise BadRequest("The address holds characters that are no text.")
