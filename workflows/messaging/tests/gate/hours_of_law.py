"""The table of calling hours as an installation begins with it; it is read without a database."""

from importlib import import_module

from workflows.messaging.gate.law import Law
from workflows.messaging.models import CallingHours

MIGRATIONS = ("0006_legal_hours", "0012_stricter_states")
ROWS = [
    CallingHours(**row) for name in MIGRATIONS for row in import_module(f"workflows.messaging.migrations.{name}").rows()
]
LAW = Law(ROWS)
REGIONS = sorted({(row.country, row.region) for row in ROWS})
