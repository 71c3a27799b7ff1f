"""The project itself as an app, so that it can own management commands and checks."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "config"
    label = "project"
    verbose_name = "Followthrough"
