"""Forms of connections, one file a kind; passwords and tokens go in and never come out."""

from workflows.admin.connection_forms.base import ConnectionForm
from workflows.admin.connection_forms.mailgun import MailgunForm
from workflows.admin.connection_forms.messenger import MessengerForm
from workflows.admin.connection_forms.postmark import PostmarkForm
from workflows.admin.connection_forms.sendgrid import SendGridForm
from workflows.admin.connection_forms.ses import SesForm
from workflows.admin.connection_forms.smtp import SmtpForm
from workflows.admin.connection_forms.twilio import TwilioForm

__all__ = ["FORMS", "ConnectionForm", "SmtpForm"]

FORMS: dict[str, type[ConnectionForm]] = {
    form.kind: form for form in (SmtpForm, MailgunForm, PostmarkForm, SendGridForm, SesForm, TwilioForm, MessengerForm)
}
