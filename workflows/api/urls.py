"""Every address below /api/v1: one line a resource, no trailing slashes.

A resource below another one is registered with a router that `below()` makes; its viewset names the parent.
"""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter
from rest_framework_nested.routers import NestedSimpleRouter

from accounts.api.errors import not_found

router = SimpleRouter(trailing_slash=False)


def below(prefix: str, lookup: str) -> NestedSimpleRouter:
    """Return a router for `/<prefix>/{<lookup>_id}/…`; `prefix` must be registered already."""
    return NestedSimpleRouter(router, prefix, lookup=lookup, trailing_slash=False)


urlpatterns = [
    *router.urls,
    path("schema", SpectacularAPIView.as_view(authentication_classes=[]), name="schema"),
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(url_name="v1:schema", authentication_classes=[]),
        name="docs",
    ),
    path("redoc", SpectacularRedocView.as_view(url_name="v1:schema", authentication_classes=[]), name="redoc"),
    re_path(r"", not_found, name="unknown"),
]
