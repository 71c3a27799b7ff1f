"""The API described: the schema and two pages that show it. Open to everyone, and loading nothing from elsewhere."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "worker-src 'self' blob:; frame-ancestors 'none'"
)

View = Callable[..., HttpResponse]


def self_contained(view: View) -> View:
    """Forbid the page to load anything that we do not serve."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return answer


schema = SpectacularAPIView.as_view(authentication_classes=[])
swagger = self_contained(SpectacularSwaggerSplitView.as_view(url_name="v1:schema", authentication_classes=[]))
redoc = self_contained(
    SpectacularRedocView.as_view(url_name="v1:schema", template_name="api/redoc.html", authentication_classes=[])
)
