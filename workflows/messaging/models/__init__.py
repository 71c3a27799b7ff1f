"""Rows of what goes out: messages, templates, files, secrets, connections and their limits, legal calling hours."""

from workflows.messaging.models.call import Call, CallOutcome, CallStatus
from workflows.messaging.models.calling_hours import CallingHours, DayOfRule
from workflows.messaging.models.circuit import CircuitBreaker
from workflows.messaging.models.connection import Connection, ConnectionKind, ConnectionStatus
from workflows.messaging.models.media import Media
from workflows.messaging.models.message import Direction, Message, MessageStatus
from workflows.messaging.models.secret import Secret
from workflows.messaging.models.slot import SendingSlot
from workflows.messaging.models.staff_message import StaffChannel, StaffMessage, StaffMessageStatus
from workflows.messaging.models.template import EmailTemplate

__all__ = [
    "Call",
    "CallOutcome",
    "CallStatus",
    "CallingHours",
    "CircuitBreaker",
    "Connection",
    "ConnectionKind",
    "ConnectionStatus",
    "DayOfRule",
    "Direction",
    "EmailTemplate",
    "Media",
    "Message",
    "MessageStatus",
    "Secret",
    "SendingSlot",
    "StaffChannel",
    "StaffMessage",
    "StaffMessageStatus",
]
