"""The API described: the schema and two pages that show it. Open to everyone, and loading nothing from elsewhere."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.exceptions import MethodNotAllowed

from accounts.api.errors import error_body

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "worker-src 'self' blob:; frame-ancestors 'none'"
)

METHODS = ("GET", "HEAD")

View = Callable[..., HttpResponse]


def to_look_at(view: View) -> View:
    """Refuse other methods in the one shape of errors, and forbid the page to load anything that we do not serve."""

    @csrf_exempt
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in METHODS:
            error = MethodNotAllowed(request.method or "")
            body = error_body("client_error", error.default_code, str(error.detail))
            return JsonResponse(body, status=error.status_code, headers={"Allow": ", ".join(METHODS)})
        response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return answer


schema = to_look_at(SpectacularAPIView.as_view(authentication_classes=[]))
swagger = to_look_at(SpectacularSwaggerSplitView.as_view(url_name="v1:schema", authentication_classes=[]))
redoc = to_look_at(
    SpectacularRedocView.as_view(url_name="v1:schema", template_name="api/redoc.html", authentication_classes=[])
)
