"""The embedded PostgreSQL: where it lives, how it is started, found and stopped. Knows nothing of Django.

Linux only; elsewhere, or with a server of your own, set `DATABASE_URL`.
"""

from config.postgres.layout import Layout, embedded_database, uses_embedded_server
from config.postgres.server import DURABLE, THROWAWAY, DatabaseError, Server

__all__ = ["DURABLE", "THROWAWAY", "DatabaseError", "Layout", "Server", "embedded_database", "uses_embedded_server"]
