"""Mail through services, by Anymail's backends: of every mail is known whether the service has it, or may have it.

Each service is one file. To add one: its file here, its name in `ConnectionKind`, its line in `SERVICES`, its settings
(`services/connection_kinds/`, `api/connection_settings/`, `admin/connection_forms/`), and a postbox that plays it.
"""

from workflows.messaging.providers.mail_services.account import ServiceAccount
from workflows.messaging.providers.mail_services.callbacks import (
    MESSAGE_KEY,
    Callback,
    Forged,
    Happening,
    MailEvent,
)
from workflows.messaging.providers.mail_services.refusals import Refused
from workflows.messaging.providers.mail_services.sending import SERVICES, Taken, deliver, find, sign_in

__all__ = [
    "MESSAGE_KEY",
    "SERVICES",
    "Callback",
    "Forged",
    "Happening",
    "MailEvent",
    "Refused",
    "ServiceAccount",
    "Taken",
    "deliver",
    "find",
    "sign_in",
]
