"""Every address the server answers."""

from django.contrib import admin
from django.urls import include, path

from config.health import livez, readyz

urlpatterns = [
    path("livez", livez),
    path("readyz", readyz),
    path("admin/", admin.site.urls),
    path("api/v1/", include(("workflows.api.urls", "api"), namespace="v1")),
]
