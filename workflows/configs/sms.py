"""Fields about SMS and the numbers they come from."""

from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ValidationError

from workflows.configs.fields import TemplateField, TextField
from workflows.configs.names import NUMBER_KINDS, Name, NamingField
from workflows.messaging.services.twilio_connections import with_number

MAXIMUM_SMS_LENGTH = 1600
TOO_LONG = f"SMS message exceeds {MAXIMUM_SMS_LENGTH} character limit"
NO_SUCH_NUMBER = {
    "sms": "No connection of this account sends SMS from this number; add it at /connections, or enable its "
    "connection.",
    "voice": "No connection of this account makes calls from this number; add it at /connections, or enable its "
    "connection.",
}
MAXIMUM_URL_LENGTH = 2048


class SmsTextField(TemplateField):
    """The Liquid of an SMS."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAXIMUM_SMS_LENGTH, **options)

    def to_internal_value(self, data: Any) -> str:
        try:
            return super().to_internal_value(data)
        except ValidationError as error:
            if error.get_codes() == ["max_length"]:
                raise ValidationError(TOO_LONG, code="max_length") from None
            raise


class OwnNumberField(NamingField, TextField):
    """A phone number of the account that can do something, in E.164; of any other it says `number_not_found`."""

    def __init__(self, *, type: str, **options: Any) -> None:  # noqa: A002 - what connections call it
        self.type = type
        super().__init__(
            pattern=r"\+[1-9][0-9]{6,14}", hint="Give a phone number in E.164, such as +14155550123.", **options
        )

    def to_internal_value(self, data: Any) -> str:
        number = super().to_internal_value(data)
        if not with_number(self.context["account_id"], number, types=[self.type]).exists():
            raise ValidationError(NO_SUCH_NUMBER[self.type], code="number_not_found")
        return number

    def names(self, value: Any, path: str) -> Iterator[Name]:
        yield NUMBER_KINDS[self.type], value, path


class MediaUrlField(TextField):
    """The https address of a file, which the provider fetches."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=MAXIMUM_URL_LENGTH,
            pattern=r"https://[^\s/?#@]+(?:[/?#]\S*)?",
            hint="Give an address that begins with https://.",
            **options,
        )
