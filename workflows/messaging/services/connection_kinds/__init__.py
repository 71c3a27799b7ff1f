"""The kinds of connections, one file each: which settings they have, and how they are tried."""

from workflows.messaging.models import ConnectionKind
from workflows.messaging.services.connection_kinds.base import Kind
from workflows.messaging.services.connection_kinds.mailgun import MAILGUN
from workflows.messaging.services.connection_kinds.messenger import MESSENGER
from workflows.messaging.services.connection_kinds.postmark import POSTMARK
from workflows.messaging.services.connection_kinds.sendgrid import SENDGRID
from workflows.messaging.services.connection_kinds.ses import SES
from workflows.messaging.services.connection_kinds.smtp import SMTP
from workflows.messaging.services.connection_kinds.twilio import TWILIO

__all__ = ["KINDS", "Kind"]

KINDS = {
    ConnectionKind.SMTP: SMTP,
    ConnectionKind.MAILGUN: MAILGUN,
    ConnectionKind.POSTMARK: POSTMARK,
    ConnectionKind.SENDGRID: SENDGRID,
    ConnectionKind.SES: SES,
    ConnectionKind.TWILIO: TWILIO,
    ConnectionKind.MESSENGER: MESSENGER,
}
