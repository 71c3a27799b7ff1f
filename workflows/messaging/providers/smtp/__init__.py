"""Mail over SMTP: of every mail is known whether the server has it, does not have it, or may have it."""

from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.providers.smtp.backend import AccountEmailBackend, Delivery
from workflows.messaging.providers.smtp.pool import pool
from workflows.messaging.providers.smtp.server import Server

__all__ = ["POSTBOX_HOST", "AccountEmailBackend", "Delivery", "Server", "pool"]
