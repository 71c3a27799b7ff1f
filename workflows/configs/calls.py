"""Fields about calls: sounds to play, and how machines are told from people."""

from typing import Any

from rest_framework.exceptions import ValidationError

from workflows.configs.base import StrictConfig, complete
from workflows.configs.fields import ChoiceField, IntegerField
from workflows.configs.references import ReferenceField
from workflows.messaging.models import Media
from workflows.messaging.services.audio import NoSound, check


class AudioField(ReferenceField):
    """A file of the account that a call can play: MP3 or WAV, by its content; of any other it says `invalid_audio`."""

    def __init__(self, **options: Any) -> None:
        super().__init__("media", **options)

    def to_internal_value(self, data: Any) -> str:
        media_id = super().to_internal_value(data)
        try:
            check(Media.objects.for_account(self.context["account_id"]).get(id=media_id))
        except NoSound as problem:
            raise ValidationError(str(problem), code="invalid_audio") from None
        return media_id


class Detection(StrictConfig):
    """How Twilio tells machines from people (https://www.twilio.com/docs/voice/answering-machine-detection)."""

    mode = ChoiceField(
        ["detect_message_end"], default="detect_message_end", help_text="A machine's greeting is heard to its end."
    )
    timeout_seconds = IntegerField(
        min_value=3, max_value=59, default=30, help_text="Seconds after which it is `unknown` who answered, 3–59."
    )
    speech_threshold_ms = IntegerField(
        min_value=1000,
        max_value=6000,
        default=2400,
        help_text="Who speaks longer at first is a machine: milliseconds, 1000–6000.",
    )
    speech_end_threshold_ms = IntegerField(
        min_value=500,
        max_value=5000,
        default=1200,
        help_text="Silence that ends a greeting: milliseconds, 500–5000.",
    )
    silence_timeout_ms = IntegerField(
        min_value=2000,
        max_value=10000,
        default=5000,
        help_text="Silence at first after which it is `unknown` who answered: milliseconds, 2000–10000.",
    )


def usual_detection() -> dict[str, Any]:
    """Return what holds where a config says nothing of it."""
    return complete(Detection, {})
