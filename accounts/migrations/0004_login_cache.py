"""The table behind `CACHES`: counts of attempts and codes once used. Unlogged, as losing it is harmless."""

from django.db import migrations

CREATE = """
CREATE UNLOGGED TABLE accounts_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX accounts_cache_expires ON accounts_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_request_memory")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE accounts_cache")]
