"""Rows of what goes out: secrets, connections and the state of hosts."""

from workflows.messaging.models.circuit import CircuitBreaker
from workflows.messaging.models.connection import Connection, ConnectionKind, ConnectionStatus
from workflows.messaging.models.secret import Secret

__all__ = ["CircuitBreaker", "Connection", "ConnectionKind", "ConnectionStatus", "Secret"]
