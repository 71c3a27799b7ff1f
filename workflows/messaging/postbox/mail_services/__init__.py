"""Mail services as the postbox plays them: SendGrid, Mailgun, Postmark and Amazon SES, one file each."""

from workflows.messaging.postbox.mail_services.base import HAPPENINGS
from workflows.messaging.postbox.mail_services.desk import SERVICE, MailServices
from workflows.messaging.postbox.mail_services.keys import TOPIC_ARN, WEBHOOK_SECRET, verification_key

__all__ = ["HAPPENINGS", "SERVICE", "TOPIC_ARN", "WEBHOOK_SECRET", "MailServices", "verification_key"]
