"""Addresses that mails and calls lead to: no login, a signed token instead. Nobody learns what tokens exist."""

import base64
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.api.refusals import DatabaseUnavailable
from accounts.login.addresses import client_address
from accounts.tenancy import account_scope
from accounts.visitors import seconds_to_wait
from workflows.engine import clock
from workflows.messaging import tokens
from workflows.messaging.links import is_web_address
from workflows.messaging.models import Media
from workflows.messaging.services import engagement
from workflows.messaging.services.audio import TYPES
from workflows.messaging.tokens import BadToken, Sent

logger = structlog.get_logger(__name__)

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
TOO_MANY = "Too many requests; try again in a minute.\n"
PREFETCH_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[HttpRequest, Parameters], HttpResponse]


def unlisted(view: View[Parameters]) -> View[Parameters]:
    """Keep answers out of caches, search engines and the `Referer` of what comes next.

    Who sends too much is told so (413), and to come again who comes while the database is away (503).
    No CSRF check: nothing here goes by a cookie, and RFC 8058 has no token.
    """

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponse:
        try:
            _ = request.body  # before the view, so that its size tells nobody what is there
            response = view(request, *args, **kwargs)
        except RequestDataTooBig:
            response = HttpResponse(status=413)
        except (OperationalError, InterfaceError):
            logger.warning("the database was away from a public address", exc_info=True)
            response = HttpResponse(status=503, headers={"Retry-After": str(DatabaseUnavailable.wait)})
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return answer


def limited(view: View[Parameters]) -> View[Parameters]:
    """Answer 429 with `Retry-After` to an address that asks more than `PUBLIC_REQUESTS_PER_MINUTE` allow.

    That the database is away keeps nobody from where a link leads.
    """

    @wraps(view)
    def answer(request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponse:
        try:
            seconds = seconds_to_wait(client_address(request))
        except (OperationalError, InterfaceError):
            seconds = 0
        if seconds:
            return HttpResponse(TOO_MANY, content_type="text/plain", status=429, headers={"Retry-After": str(seconds)})
        return view(request, *args, **kwargs)

    return answer


@unlisted
@limited
@require_safe
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """Answer the pixel, whatever the token; a good one counts as an opening."""
    try:
        sent = tokens.read_open_token(token)
    except BadToken:
        return HttpResponse(PIXEL, content_type="image/gif", status=404)
    if is_read_by_someone(request):
        count(sent, lambda now: engagement.record_open(sent=sent, now=now))
    return HttpResponse(PIXEL, content_type="image/gif")


@unlisted
@limited
@require_safe
def clicked(request: HttpRequest, token: str) -> HttpResponse:
    """Lead on to the address in the token, and nowhere else."""
    try:
        sent, url = tokens.read_click_token(token)
    except BadToken:
        return page("gone", status=404)
    if not is_web_address(url):
        return page("gone", status=404)
    if is_read_by_someone(request):
        count(sent, lambda now: engagement.record_click(sent=sent, url=url, now=now))
    return HttpResponseRedirect(url)


@unlisted
@limited
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks, since mail scanners follow every link; POST unsubscribes, be it by the button or by RFC 8058."""
    try:
        sent = tokens.read_unsubscribe_token(token)
    except BadToken:
        return page("gone", status=404)
    with account_scope(sent.account_id):
        if request.method == "POST":
            engagement.unsubscribe(sent=sent, now=clock.now())
            return page("done", sender=engagement.sender_name(sent))
        state = "done" if engagement.is_unsubscribed(sent) else "ask"
        return page(state, sender=engagement.sender_name(sent))


@unlisted
@limited
@require_safe
def audio(request: HttpRequest, token: str) -> HttpResponse:
    """Answer a sound file that a call plays, to whoever has its address; the address ends with the next day."""
    try:
        account_id, media_id = tokens.read_audio_token(token, today=clock.now().date())
    except BadToken:
        return page("gone", status=404)
    with account_scope(account_id):
        media = Media.objects.for_account(account_id).filter(id=media_id, content_type__in=TYPES).first()
    try:
        file = media.file.open("rb") if media else None
    except FileNotFoundError:
        file = None
    if media is None or file is None:
        return page("gone", status=404)
    answer: Any = FileResponse(file, content_type=media.content_type)
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["X-Content-Type-Options"] = "nosniff"
    return cast("HttpResponse", answer)


def is_read_by_someone(request: HttpRequest) -> bool:
    """Tell whether a person may be behind the request: not HEAD, not a browser that loads ahead."""
    is_ahead = any("pre" in request.headers.get(name, "").lower() for name in PREFETCH_HEADERS)
    return request.method == "GET" and not is_ahead


def count(sent: Sent, record: Callable[[datetime], None]) -> None:
    """Record what happened; that the database is away must not keep people from where they want to go."""
    try:
        with account_scope(sent.account_id):
            record(clock.now())
    except (OperationalError, InterfaceError):
        logger.warning("an opening or a click could not be recorded", exc_info=True)


def page(state: str, *, sender: str = "", status: int = 200) -> HttpResponse:
    content = render_to_string("public/unsubscribe.html", {"state": state, "sender": sender})
    response = HttpResponse(content, status=status)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


urlpatterns = [
    path("t/o/<str:token>.gif", opened, name="mail-opened"),
    path("t/c/<str:token>", clicked, name="mail-clicked"),
    path("t/a/<str:token>", audio, name="call-audio"),
    path("unsubscribe/<str:token>", unsubscribe, name="mail-unsubscribe"),
]
