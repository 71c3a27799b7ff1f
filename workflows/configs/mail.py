"""Fields about e-mail."""

from typing import Any

from rest_framework.exceptions import ValidationError

from workflows.configs.fields import TemplateField, TextField
from workflows.messaging.composing import MAIL_ROOTS
from workflows.messaging.mailboxes import MAXIMUM_ADDRESS_LENGTH, is_mailable, one_line


class EmailAddressField(TextField):
    """One e-mail address, without a name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAXIMUM_ADDRESS_LENGTH, **options)

    def to_internal_value(self, data: Any) -> str:
        address = super().to_internal_value(data)
        if not is_mailable(address):
            raise ValidationError("Give one e-mail address such as name@example.com.", code="invalid")
        return address


class HeaderTextField(TextField):
    """A text on one line, as headers hold it."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if one_line(text) != text:
            raise ValidationError("Leave out line breaks and control characters.", code="invalid")
        return text


class MailBodyField(TemplateField):
    """The Liquid of a mail's body, which may also use `unsubscribe_url`."""

    roots = MAIL_ROOTS
