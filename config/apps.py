"""The project itself as an app, so that it can own management commands and checks."""

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites
from django.core import checks


class StaffSiteConfig(AppConfig):
    """unfold's app, with our own site in its place; loaded before `django.contrib.admin` looks for pages."""

    name = "unfold"

    def ready(self) -> None:
        from config.admin_site import StaffSite

        admin.site = sites.site = StaffSite()


class ProjectConfig(AppConfig):
    name = "config"
    label = "project"
    verbose_name = "Followthrough"

    def ready(self) -> None:
        from config.database.checks import check_role, check_tables

        checks.register(check_tables)
        checks.register(check_role, checks.Tags.database)
