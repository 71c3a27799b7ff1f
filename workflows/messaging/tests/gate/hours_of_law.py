"""The table of calling hours as an installation begins with it; it is read without a database."""

from importlib import import_module

from workflows.messaging.gate.law import Law
from workflows.messaging.models import CallingHours

ROWS = [CallingHours(**row) for row in import_module("workflows.messaging.migrations.0006_legal_hours").rows()]
LAW = Law(ROWS)
REGIONS = sorted({(row.country, row.region) for row in ROWS})
