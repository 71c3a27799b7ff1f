"""Every address the server answers."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("accounts.login.urls")),
    path("admin/config-forms/", include("workflows.admin.config_forms.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include(("workflows.api.urls", "api"), namespace="v1")),
    path("", include("workflows.api.hooks")),
    path("", include("workflows.api.public")),
]

handler400 = "accounts.api.errors.bad_request"
handler403 = "accounts.api.errors.permission_denied"
handler404 = "accounts.api.errors.not_found"
handler500 = "accounts.api.errors.server_error"
