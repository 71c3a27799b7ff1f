"""Every address below /api/v1: one line a resource, no trailing slashes.

A resource below another one is registered with a router that `below()` makes; its viewset names the parent.
"""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter
from rest_framework_nested.routers import NestedSimpleRouter

from accounts.api.account import OwnAccountViewSet
from accounts.api.api_keys import ApiKeyViewSet
from accounts.api.audit_log import AuditLogViewSet
from accounts.api.errors import not_found
from accounts.api.members import MemberViewSet
from accounts.api.teams import TeamViewSet
from workflows.api.executions import ExecutionViewSet, LogViewSet

router = SimpleRouter(trailing_slash=False)
routers = [router]


def below(prefix: str, lookup: str) -> NestedSimpleRouter:
    """Return a router for `/<prefix>/{<lookup>_id}/…`; `prefix` must be registered already."""
    nested = NestedSimpleRouter(router, prefix, lookup=lookup, trailing_slash=False)
    routers.append(nested)
    return nested


router.register("members", MemberViewSet, basename="member")
router.register("teams", TeamViewSet, basename="team")
router.register("api-keys", ApiKeyViewSet, basename="api-key")
router.register("audit-log", AuditLogViewSet, basename="audit-entry")

router.register("executions", ExecutionViewSet, basename="execution")
execution_parts = below("executions", "execution")
execution_parts.register("logs", LogViewSet, basename="execution-log")

urlpatterns = [
    *(url for each in routers for url in each.urls),
    path("account", OwnAccountViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="account"),
    path("schema", SpectacularAPIView.as_view(authentication_classes=[]), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="v1:schema", authentication_classes=[]), name="docs"),
    path("redoc", SpectacularRedocView.as_view(url_name="v1:schema", authentication_classes=[]), name="redoc"),
    re_path(r"", not_found, name="unknown"),
]
