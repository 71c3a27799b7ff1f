"""docs/deployment.md tells every variable that settings read, and no other."""

import re

import pytest
from django.core.management import get_commands

from config.tests.running import ROOT

DOCUMENT = (ROOT / "docs" / "deployment.md").read_text()
OF_OTHERS = {"DJANGO_SETTINGS_MODULE", "PORT", "PROMETHEUS_MULTIPROC_DIR"}
"""Read by Django, the servers and Prometheus' library."""


def variables_of_the_settings() -> set[str]:
    text = "".join(source.read_text() for source in (ROOT / "config" / "settings").glob("*.py"))
    return set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", text))


def test_every_variable_is_told_and_no_other():
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT, re.MULTILINE))
    assert told == variables_of_the_settings() | OF_OTHERS


def test_every_command_exists():
    named = set(re.findall(r"manage\.py ([a-z_]+)", DOCUMENT))
    assert {"migrate", "worker", "find_stuck", "rotate_secrets", "unlock_user", "metrics"} <= named
    assert named <= set(get_commands())


@pytest.mark.django_db
def test_every_metric_of_an_alert_exists(client, settings):
    settings.METRICS_OPEN = True
    exposed = client.get("/metrics").content.decode()
    client.get("/admin/login/")
    exposed = client.get("/metrics").content.decode()
    named = set(re.findall(r"followthrough_[a-z_]+", DOCUMENT))
    names = {name for name in named if not name.endswith("_bucket")}
    for name in names | {name.removesuffix("_bucket") for name in named - names}:
        assert f"# HELP {name}" in exposed or f"# HELP {name.removesuffix('_total')}" in exposed, name
