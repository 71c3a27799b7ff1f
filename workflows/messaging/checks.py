"""What must hold before anything is sent."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error

from workflows.messaging.secrets import problem_of_keys


def check_secret_keys(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    problem = problem_of_keys(settings.SECRET_KEYS)
    return [] if problem is None else [Error(problem, id="messaging.E001")]


def check_outbound_networks(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    try:
        for network in settings.OUTBOUND_ALLOW_NETWORKS:
            ip_network(network)
    except ValueError as error:
        return [Error(f"OUTBOUND_ALLOW_NETWORKS: {error}.", id="messaging.E002")]
    return []


def check_public_url(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    try:
        parts = urlsplit(settings.PUBLIC_URL)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        is_usable = False
    if is_usable:
        return []
    return [Error("PUBLIC_URL must be an address such as https://crm.example.com.", id="messaging.E003")]
